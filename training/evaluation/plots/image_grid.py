"""A grid of captioned images, and the look that all pictures share."""

import os
import textwrap
from collections.abc import Sequence

import numpy as np

INK = "#1f2328"
FAINT = "#656d76"
FONT = "DejaVu Sans"  # Ships with matplotlib and has ✓, ✗ and ∞.
COLORS = (
    "#0969da",
    "#bc4c00",
    "#1a7f37",
    "#8250df",
    "#cf222e",
    "#6e7781",
    "#9a6700",
    "#bf3989",
)
"""Of series, in their order."""
FRAME = "#d0d7de"
_HEAT = "viridis"

# Lengths in inches.
_IMAGE = 1.2
_GAP = 0.26
_SPACE = 0.12
_MARGIN = 0.25
_LABELS = 1.35
_TITLE_LINE = 0.24
_LINE = 0.17
_ROW_GAP = 0.14
_SHARE = 0.045
_FOOTER = 0.55
_NARROWEST = 4.8
_LETTER = 0.115


class ImageGrid:
    """Rows of images of one size, with labels, captions and a colour scale.

    Labels and captions that are too wide are written smaller.

    Args:
        columns: Images a row.
        caption_lines: Lines below the images, for each row.
        title: Heading, wrapped to the grid's width; none if empty.
        dpi: Pixels an inch.
    """

    def __init__(
        self,
        columns: int,
        caption_lines: Sequence[int],
        *,
        title: str,
        dpi: int,
    ):
        # Not imported above: matplotlib writes its font cache when imported.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._width = 2 * _MARGIN + max(
            _LABELS + columns * (_IMAGE + _GAP) - _GAP, _NARROWEST
        )
        letters = int((self._width - 2 * _MARGIN) / _LETTER)
        heading = textwrap.wrap(title, letters)
        top = _MARGIN + len(heading) * _TITLE_LINE
        self._tops = []
        self._shares = set()
        for lines in caption_lines:
            top += _ROW_GAP
            self._tops.append(top)
            top += _IMAGE + lines * _LINE
        self._bottom = top + _ROW_GAP
        self._height = self._bottom + _FOOTER
        figure = Figure((self._width, self._height), dpi, facecolor="white")
        self._figure = figure
        self._canvas = FigureCanvasAgg(figure)
        for index, text in enumerate(heading):
            top = _MARGIN + index * _TITLE_LINE
            self._write(_MARGIN, top, text, size=12, weight="bold")

    def label(self, row: int, text: str, detail: str = "") -> None:
        """Names a row at its left."""
        middle = self._tops[row] + _IMAGE / 2
        self._write(
            _MARGIN,
            middle,
            text,
            size=10,
            widest=_LABELS - _SPACE,
            weight="bold",
            va="bottom",
        )
        self._write(
            _MARGIN, middle + 0.04, detail, size=9, color=FAINT, va="top"
        )

    def label_lines(self, row: int, lines: Sequence[str]) -> None:
        """Names the lines below a row's images at their left."""
        for index, text in enumerate(lines):
            self._write(
                _MARGIN,
                self._line(row, index),
                text,
                size=8,
                widest=_LABELS - _GAP,  # Captions may reach into the gap.
                color=FAINT,
            )

    def image(
        self, row: int, column: int, image: np.ndarray, frame: str = FRAME
    ) -> None:
        """Shows an image, HWC in [0, 1], in a frame of a colour."""
        shown = image[..., 0] if image.shape[-1] == 1 else image
        self._show(row, column, shown, frame, cmap="gray", vmin=0, vmax=1)

    def heat(
        self,
        row: int,
        column: int,
        values: np.ndarray,
        limits: tuple[float, float],
        frame: str = FRAME,
    ) -> None:
        """Shows a map, `(height, width)`, from dark, low, to bright, high.

        Args:
            limits: The values that are darkest and brightest.
            frame: Colour of its frame.
        """
        low, high = limits
        self._show(row, column, values, frame, cmap=_HEAT, vmin=low, vmax=high)

    def change(
        self, row: int, column: int, change: np.ndarray, largest: float
    ) -> None:
        """Shows a perturbation, HWC, on a scale that ends at `largest`.

        Grey images' changes run from blue over white to red; those of colour
        images are drawn in their own colours around grey.
        """
        if change.shape[-1] == 1:
            self._show(
                row,
                column,
                change[..., 0],
                FRAME,
                cmap="RdBu_r",
                vmin=-largest,
                vmax=largest,
            )
        else:
            shown = np.clip(0.5 + change / (2 * largest), 0, 1)
            self._show(row, column, shown, FRAME)

    def share(
        self, row: int, column: int, share: float, colors: tuple[str, str]
    ) -> None:
        """Shows a fraction in [0, 1] as a bar of two colours under an image."""
        self._shares.add(row)
        top = self._tops[row] + _IMAGE + 0.025
        axes = self._axes(self._left(column), top, _IMAGE, _SHARE)
        axes.barh([0, 0], [share, 1 - share], 1, [0, share], color=colors)
        axes.set(xlim=(0, 1), ylim=(-0.5, 0.5))
        axes.axis("off")

    def caption(
        self,
        row: int,
        column: int,
        lines: Sequence[tuple[str, str]],
        *,
        bold: bool = False,
    ) -> None:
        """Writes lines, each of a colour, below an image."""
        center = self._left(column) + _IMAGE / 2
        for index, (text, color) in enumerate(lines):
            self._write(
                center,
                self._line(row, index),
                text,
                size=8,
                widest=_IMAGE + _GAP - _SPACE,
                color=color,
                weight="bold" if bold else "normal",
                ha="center",
            )

    def scale(self, largest: float, *, grey: bool) -> None:
        """Explains the colours of changes, below the last row."""
        left, top = self._left(0), self._bottom + 0.1
        self._write(_MARGIN, top - 0.02, "scale", size=9, color=FAINT)
        if grey:
            ends = [f"≤ −{largest:.3f}", "0", f"≥ +{largest:.3f}"]
            self._colors(left, top, "RdBu_r", ends)
        else:
            text = f"changes × {0.5 / largest:.3g}; grey is no change"
            self._write(left, top - 0.02, text, size=8, color=FAINT)

    def heat_scale(self) -> None:
        """Explains the colours of `heat`, below the last row."""
        left, top = self._left(0), self._bottom + 0.1
        self._write(_MARGIN, top - 0.02, "scale", size=9, color=FAINT)
        self._colors(left, top, _HEAT, ["low", "", "high"])

    def write_png(self, path: str | os.PathLike) -> None:
        """Writes the grid.

        Raises:
            OSError: If the file cannot be written.
        """
        self._canvas.print_png(path)

    def _line(self, row, index):
        below = _SHARE if row in self._shares else 0.0
        return self._tops[row] + _IMAGE + 0.07 + below + index * _LINE

    def _left(self, column):
        return _MARGIN + _LABELS + column * (_IMAGE + _GAP)

    def _axes(self, left, top, width, height):
        return self._figure.add_axes(
            (
                left / self._width,
                1 - (top + height) / self._height,
                width / self._width,
                height / self._height,
            )
        )

    def _show(self, row, column, array, frame, **scale):
        axes = self._axes(self._left(column), self._tops[row], _IMAGE, _IMAGE)
        axes.imshow(array, interpolation="nearest", aspect="equal", **scale)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set(color=frame, linewidth=1.8)

    def _colors(self, left, top, cmap, ends):
        """Draws a colour bar with words at its ends and in the middle."""
        axes = self._axes(left, top, 2.3, 0.11)
        axes.imshow(
            np.linspace(-1, 1, 256)[None],
            cmap=cmap,
            aspect="auto",
            extent=(-1, 1, 0, 1),
        )
        axes.set_yticks([])
        axes.set_xticks([-1, 0, 1], ends)
        axes.tick_params(
            labelsize=7.5, labelcolor=FAINT, color=FAINT, length=2, pad=2
        )
        axes.spines[:].set(color=FRAME, linewidth=0.8)

    def _write(
        self,
        left,
        top,
        text,
        *,
        size,
        widest=None,
        color=INK,
        va="top",
        **style,
    ):
        written = self._figure.text(
            left / self._width,
            1 - top / self._height,
            text,
            fontsize=size,
            color=color,
            va=va,
            family=FONT,
            parse_math=False,
            **style,
        )
        if widest is not None:
            renderer = self._canvas.get_renderer()
            width = written.get_window_extent(renderer).width / self._figure.dpi
            written.set_fontsize(size * widest / max(width, widest))
