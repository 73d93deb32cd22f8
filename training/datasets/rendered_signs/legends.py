"""What stands on the signs: words, arrows and figures.

Each function draws the legend alone; the plate is another drawing. Proportions
follow the Manual on Uniform Traffic Control Devices (MUTCD, FHWA, 2009), whose
sign codes the docstrings give.
"""

import numpy as np

from zoo.training.datasets.rendering.drawing import Drawing
from zoo.training.datasets.rendering.geometry import bezier
from zoo.training.datasets.rendering.geometry import inset
from zoo.training.datasets.rendering.geometry import path
from zoo.training.datasets.rendering.geometry import rectangle
from zoo.training.datasets.rendering.geometry import regular_polygon
from zoo.training.datasets.rendering.geometry import rounded

WHITE = (240, 240, 236)
BLACK = (22, 22, 24)
RED = (178, 28, 38)
YELLOW = (248, 186, 14)
YELLOW_GREEN = (200, 226, 24)
GREEN = (30, 150, 80)
AMBER = (255, 190, 20)


def stop(drawing: Drawing) -> None:
    """R1-1."""
    drawing.text("STOP", (0.115, 0.335, 0.885, 0.665), WHITE)


def yield_(drawing: Drawing) -> None:
    """R1-2."""
    drawing.text("YIELD", (0.325, 0.225, 0.675, 0.335), RED)


def speed_limit(drawing: Drawing, number: int) -> None:
    """R2-1."""
    drawing.text("SPEED", (0.2, 0.09, 0.8, 0.225), BLACK)
    drawing.text("LIMIT", (0.22, 0.285, 0.78, 0.42), BLACK)
    drawing.text(str(number), (0.235, 0.5, 0.765, 0.89), BLACK)


def school_speed_limit(drawing: Drawing, number: int) -> None:
    """S5-1: the words SCHOOL and WHEN FLASHING around a speed limit."""
    drawing.text("SCHOOL", (0.27, 0.05, 0.73, 0.145), BLACK)
    drawing.polygon(rectangle(0.24, 0.195, 0.76, 0.97), WHITE)
    drawing.polygon(rectangle(0.24, 0.188, 0.76, 0.2), BLACK)
    drawing.text("SPEED", (0.31, 0.225, 0.69, 0.305), BLACK)
    drawing.text("LIMIT", (0.325, 0.335, 0.675, 0.415), BLACK)
    drawing.text(str(number), (0.325, 0.46, 0.675, 0.72), BLACK)
    drawing.polygon(rectangle(0.24, 0.765, 0.76, 0.775), BLACK)
    drawing.text("WHEN", (0.36, 0.8, 0.64, 0.86), BLACK)
    drawing.text("FLASHING", (0.28, 0.885, 0.72, 0.945), BLACK)


def keep_right(drawing: Drawing) -> None:
    """R4-7: past the island, on its right."""
    island = path((0.27, 0.1), (0.47, 0.1), (0.47, 0.4))
    nose = bezier((0.47, 0.4), (0.45, 0.56), (0.29, 0.56), (0.27, 0.4))
    drawing.polygon(path(island, nose), BLACK)
    course = path(
        (0.37, 0.92),
        bezier((0.37, 0.8), (0.37, 0.62), (0.65, 0.62), (0.65, 0.44)),
        (0.65, 0.1),
    )
    drawing.arrow(course, 0.095, BLACK, head=2.6)


def keep_right_words(drawing: Drawing) -> None:
    """R4-7a: the same in words."""
    drawing.text("KEEP", (0.22, 0.1, 0.78, 0.27), BLACK)
    drawing.text("RIGHT", (0.19, 0.34, 0.81, 0.51), BLACK)
    drawing.arrow(path((0.27, 0.58), (0.72, 0.9)), 0.085, BLACK, head=2.8)


def merge(drawing: Drawing) -> None:
    """W4-1."""
    drawing.arrow(path((0.47, 0.82), (0.47, 0.17)), 0.085, BLACK, head=2.7)
    side = path((0.69, 0.73), bezier((0.69, 0.67), (0.67, 0.57), (0.47, 0.48)))
    drawing.stroke(side, 0.075, BLACK)


def added_lane(drawing: Drawing) -> None:
    """W4-3: a lane that comes in from the right and goes on beside."""
    drawing.arrow(path((0.36, 0.74), (0.36, 0.23)), 0.07, BLACK, head=2.5)
    course = path(
        (0.73, 0.64),
        bezier((0.71, 0.58), (0.63, 0.55), (0.63, 0.45)),
        (0.63, 0.23),
    )
    drawing.arrow(course, 0.07, BLACK, head=2.5)
    for top in (0.29, 0.41, 0.53, 0.65):
        drawing.stroke(path((0.5, top), (0.5, top + 0.07)), 0.028, BLACK)


def lane_ends(drawing: Drawing) -> None:
    """W4-2: the right edge of the road closes in on the lane line."""
    drawing.stroke(path((0.36, 0.74), (0.36, 0.26)), 0.06, BLACK)
    edge = path((0.68, 0.72), (0.68, 0.6), (0.57, 0.42), (0.57, 0.19))
    drawing.stroke(edge, 0.06, BLACK)
    for top in (0.54, 0.66, 0.78):
        drawing.stroke(path((0.53, top), (0.53, top + 0.075)), 0.035, BLACK)


def turn_right(drawing: Drawing) -> None:
    """W1-1R."""
    drawing.arrow(
        path((0.38, 0.79), (0.38, 0.43), (0.76, 0.43)), 0.1, BLACK, head=2.6
    )


def signal_ahead(drawing: Drawing) -> None:
    """W3-3."""
    drawing.polygon(rounded(rectangle(0.385, 0.19, 0.615, 0.81), 0.06), BLACK)
    for y, colour in ((0.3, RED), (0.5, AMBER), (0.7, GREEN)):
        drawing.disc((0.5, y), 0.082, colour)


def stop_ahead(drawing: Drawing) -> None:
    """W3-1."""
    drawing.arrow(path((0.5, 0.5), (0.5, 0.11)), 0.085, BLACK, head=2.6)
    octagon = regular_polygon(8, 0.205, 22.5) + np.array([0.0, 0.13])
    drawing.polygon(octagon, WHITE)
    drawing.polygon(inset(octagon, 0.018), RED)


def pedestrian_crossing(drawing: Drawing) -> None:
    """W11-2: a person walking to the left."""
    _walker(drawing, (0.51, 0.48), 0.6)


def school(drawing: Drawing) -> None:
    """S1-1: two children walking."""
    _walker(drawing, (0.36, 0.55), 0.62)
    _walker(drawing, (0.66, 0.6), 0.52, satchel=True)


def _walker(drawing, centre, height, *, satchel=False) -> None:
    """Draws a walking figure, in units of its height from its centre."""

    def at(*points):
        return np.asarray(centre) + height * np.asarray(points, float)

    def limb(width, *points):
        drawing.stroke(at(*points), width * height, BLACK, round_ends=True)

    drawing.disc(at((0.0, -0.41))[0], 0.085 * height, BLACK)
    drawing.polygon(
        at((-0.09, -0.29), (0.09, -0.3), (0.1, 0.06), (-0.07, 0.06)), BLACK
    )
    limb(0.085, (-0.05, -0.26), (-0.16, -0.1), (-0.27, -0.06))
    limb(0.085, (0.06, -0.26), (0.17, -0.1), (0.21, 0.03))
    limb(0.11, (-0.02, 0.05), (-0.13, 0.24), (-0.2, 0.45), (-0.27, 0.45))
    limb(0.11, (0.05, 0.05), (0.1, 0.25), (0.25, 0.41), (0.22, 0.46))
    if satchel:
        drawing.polygon(
            at((0.17, -0.02), (0.34, -0.02), (0.34, 0.12), (0.17, 0.12)), BLACK
        )
