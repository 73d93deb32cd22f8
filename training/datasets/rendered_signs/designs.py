"""The signs of each class: plate, border and legend."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from functools import partial

import numpy as np
from PIL import Image
from PIL import ImageFilter

from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.datasets.rendered_signs import legends
from zoo.training.datasets.rendered_signs.legends import BLACK
from zoo.training.datasets.rendered_signs.legends import RED
from zoo.training.datasets.rendered_signs.legends import WHITE
from zoo.training.datasets.rendered_signs.legends import YELLOW
from zoo.training.datasets.rendered_signs.legends import YELLOW_GREEN
from zoo.training.datasets.rendering.drawing import Colour
from zoo.training.datasets.rendering.drawing import Drawing
from zoo.training.datasets.rendering.geometry import Points
from zoo.training.datasets.rendering.geometry import inset
from zoo.training.datasets.rendering.geometry import rectangle
from zoo.training.datasets.rendering.geometry import regular_polygon
from zoo.training.datasets.rendering.geometry import rounded

UNREADABLE_BLUR = 0.06
"""Standard deviation of the blur that makes a speed limit unreadable."""


@dataclass(frozen=True)
class Design:
    """One sign as the manual draws it.

    Attributes:
        outline: Corners of the plate, clockwise.
        radius: Of its rounded corners.
        bands: Colours from the edge inwards, each with the inset where it
            begins.
        legend: Draws what stands on the plate.
        blur: Standard deviation of a blur of the legend, 0 for none.
    """

    outline: Points
    radius: float
    bands: tuple[tuple[float, Colour], ...]
    legend: Callable[[Drawing], None]
    blur: float = 0.0

    def draw(self, size: int) -> Image.Image:
        """Returns the sign from the front, RGBA, transparent around it."""
        plate, legend = Drawing(size), Drawing(size)
        for depth, colour in self.bands:
            corners = inset(self.outline, depth)
            plate.polygon(rounded(corners, self.radius - depth), colour)
        self.legend(legend)
        lettering = legend.picture()
        if self.blur:
            lettering = lettering.convert("RGBa").filter(
                ImageFilter.GaussianBlur(self.blur * size)
            )
            lettering = lettering.convert("RGBA")
        return Image.alpha_composite(plate.picture(), lettering)


def designs(label: int) -> tuple[Design, ...]:
    """Returns the designs that share a class of LISA."""
    return _DESIGNS[LISA_CLASSES[label]]


@cache
def frontal(label: int, number: int, size: int) -> Image.Image:
    """Returns a design from the front, RGBA.

    Args:
        number: Which of the class' designs.
        size: Pixels on a side: 256, or a half, a quarter or an eighth.
    """
    if size == 256:
        return designs(label)[number].draw(size)
    # The larger picture's averages: what a camera sees from further away.
    return (
        frontal(label, number, 2 * size)
        .convert("RGBa")
        .reduce(2)
        .convert("RGBA")
    )


def _warning(legend, colour=YELLOW) -> Design:
    bands = (0.0, colour), (0.014, BLACK), (0.038, colour)
    return Design(regular_polygon(4, 0.49, -90), 0.035, bands, legend)


def _school(colour) -> Design:
    corners = [
        (0.5, 0.03),
        (0.97, 0.5),
        (0.97, 0.97),
        (0.03, 0.97),
        (0.03, 0.5),
    ]
    bands = (0.0, colour), (0.014, BLACK), (0.036, colour)
    return Design(np.array(corners), 0.035, bands, legends.school)


def _regulatory(legend, blur=0.0) -> Design:
    bands = (0.0, WHITE), (0.014, BLACK), (0.034, WHITE)
    outline = rectangle(0.116, 0.02, 0.884, 0.98)
    return Design(outline, 0.05, bands, legend, blur)


def _school_speed_limit(colour) -> Design:
    bands = (0.0, colour), (0.01, BLACK), (0.026, colour)
    return Design(
        rectangle(0.22, 0.01, 0.78, 0.99),
        0.03,
        bands,
        partial(legends.school_speed_limit, number=25),
    )


def _speed_limit(number, blur=0.0) -> Design:
    return _regulatory(partial(legends.speed_limit, number=number), blur)


_DESIGNS = {
    "addedLane": (_warning(legends.added_lane),),
    "keepRight": (
        _regulatory(legends.keep_right),
        _regulatory(legends.keep_right_words),
    ),
    "laneEnds": (_warning(legends.lane_ends),),
    "merge": (_warning(legends.merge),),
    "pedestrianCrossing": (
        _warning(legends.pedestrian_crossing),
        _warning(legends.pedestrian_crossing, YELLOW_GREEN),
    ),
    "school": (_school(YELLOW), _school(YELLOW_GREEN)),
    "schoolSpeedLimit25": (
        _school_speed_limit(YELLOW),
        _school_speed_limit(YELLOW_GREEN),
    ),
    "signalAhead": (_warning(legends.signal_ahead),),
    "speedLimit25": (_speed_limit(25),),
    "speedLimit30": (_speed_limit(30),),
    "speedLimit35": (_speed_limit(35),),
    "speedLimit45": (_speed_limit(45),),
    "speedLimitUrdbl": tuple(
        _speed_limit(number, UNREADABLE_BLUR) for number in range(15, 70, 5)
    ),
    "stop": (
        Design(
            regular_polygon(8, 0.5195, 22.5),
            0.02,
            ((0.0, WHITE), (0.026, RED)),
            legends.stop,
        ),
    ),
    "stopAhead": (_warning(legends.stop_ahead),),
    "turnRight": (_warning(legends.turn_right),),
    "yield": (
        Design(
            np.array([(0.02, 0.085), (0.98, 0.085), (0.5, 0.915)]),
            0.05,
            ((0.0, WHITE), (0.012, RED), (0.125, WHITE)),
            legends.yield_,
        ),
    ),
}
