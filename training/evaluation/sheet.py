"""A sheet of captioned images in rows."""

from collections.abc import Sequence

import numpy as np

# Lengths in inches.
_IMAGE = 1.2
_GAP = 0.26
_MARGIN = 0.25
_LABELS = 1.35
_TITLE = 0.45
_LINE = 0.165
_ROW_GAP = 0.12
_FOOTER = 0.55

_INK = "#1f2328"
_FAINT = "#656d76"
_FONT = "DejaVu Sans"  # Ships with matplotlib and has ✓ and ✗.


class Sheet:
    """Rows of images of one size, with labels, captions and a colour scale.

    Args:
        columns: Images a row.
        caption_lines: Lines below the images, for each row.
        title: Heading; none if empty.
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

        self._tops = []
        top = _MARGIN + (_TITLE if title else 0)
        for lines in caption_lines:
            self._tops.append(top)
            top += _IMAGE + lines * _LINE + _ROW_GAP
        self._bottom = top
        self._width = 2 * _MARGIN + _LABELS + columns * (_IMAGE + _GAP) - _GAP
        self._height = top + _FOOTER
        figure = Figure((self._width, self._height), dpi, facecolor="white")
        self._figure = figure
        self._canvas = FigureCanvasAgg(figure)
        if title:
            self._write(_MARGIN, _MARGIN, title, size=13, weight="bold")

    def label(self, row: int, text: str, detail: str = "") -> None:
        """Names a row at its left."""
        middle = self._tops[row] + _IMAGE / 2
        self._write(_MARGIN, middle, text, size=10, weight="bold", va="bottom")
        self._write(
            _MARGIN, middle + 0.04, detail, size=9, color=_FAINT, va="top"
        )

    def image(
        self, row: int, column: int, image: np.ndarray, frame: str = "#d0d7de"
    ) -> None:
        """Shows an image, HWC in [0, 1], in a frame of a colour."""
        shown = image[..., 0] if image.shape[-1] == 1 else image
        self._show(row, column, shown, frame, cmap="gray", vmin=0, vmax=1)

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
                "#d0d7de",
                cmap="RdBu_r",
                vmin=-largest,
                vmax=largest,
            )
        else:
            shown = np.clip(0.5 + change / (2 * largest), 0, 1)
            self._show(row, column, shown, "#d0d7de")

    def caption(
        self,
        row: int,
        column: int,
        lines: Sequence[str],
        *,
        colors: Sequence[str] | None = None,
        bold: bool = False,
    ) -> None:
        """Writes lines below an image."""
        center = self._left(column) + _IMAGE / 2
        top = self._tops[row] + _IMAGE + 0.05
        for index, line in enumerate(lines):
            self._write(
                center,
                top + index * _LINE,
                line,
                size=7.5,
                color=colors[index] if colors else _FAINT,
                weight="bold" if bold else "normal",
                ha="center",
            )

    def scale(self, largest: float, *, grey: bool) -> None:
        """Explains the colours of changes, below the last row."""
        left = self._left(0)
        top = self._bottom + 0.1
        if grey:
            self._colors(left, top, largest)
            left += 2.6
        text = f"changes magnified {0.5 / largest:.3g}×"
        if not grey:
            text += f", grey where nothing changed, at most ±{largest:.3f}"
        self._write(left, top - 0.01, text, size=8, color=_FAINT)

    def write_png(self, path) -> None:
        """Writes the sheet."""
        self._canvas.print_png(path)

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

    def _colors(self, left, top, largest):
        """Draws the colour bar of grey images' changes."""
        axes = self._axes(left, top, 2.3, 0.11)
        axes.imshow(
            np.linspace(-1, 1, 256)[None],
            cmap="RdBu_r",
            aspect="auto",
            extent=(-largest, largest, 0, 1),
        )
        axes.set_yticks([])
        axes.set_xticks(
            [-largest, 0, largest],
            [f"−{largest:.3f}", "0", f"+{largest:.3f}"],
        )
        axes.tick_params(
            labelsize=7.5, labelcolor=_FAINT, color=_FAINT, length=2, pad=2
        )
        axes.spines[:].set(color="#d0d7de", linewidth=0.8)

    def _write(self, left, top, text, *, size, color=_INK, va="top", **style):
        self._figure.text(
            left / self._width,
            1 - top / self._height,
            text,
            fontsize=size,
            color=color,
            va=va,
            family=_FONT,
            parse_math=False,
            **style,
        )
