"""Figure 7: one network of many scales against one network a scale."""

from pathlib import Path

import zoo
from training.ensemble import find_ensemble
from training.reproduction.bars import draw_bars
from training.reproduction.irm import paper
from training.reproduction.irm.cells import Cells
from training.reproduction.irm.cells import summary
from training.reproduction.irm.ladder import NOT_PUBLISHED
from training.reproduction.irm.ladder import published
from training.reproduction.irm.scale_training import BASELINE
from training.reproduction.irm.scale_training import read_at
from training.reproduction.irm.scale_variance import Reports
from training.reproduction.part import Part

MANY_SCALES = "spp_ddn_wrn16_2"


def figure_7(cells: Cells, reports: Reports, output: Path) -> Part:
    """Measures figure 7 and draws it.

    Args:
        reports: Of the networks of one scale, from `scale_variance`.
        output: Folder to draw to.
    """
    scales = cells.settings.scales
    series = {
        f"trained at {trained}": [
            reports[trained, tested].attacks[0].robust_accuracy
            for tested in scales
        ]
        for trained in scales
    }
    many = _many_scales(cells) if published(MANY_SCALES) else {}
    spp = [report.attacks[0].robust_accuracy for report in many.values()]
    if many:
        series[MANY_SCALES] = spp
    draw_bars(
        [f"tested at {scale}" for scale in scales],
        series,
        output / "fig7.png",
        title=f"FGSM of L∞ {cells.settings.eps:g}, transferred",
    )
    printed = [*paper.FGSM, paper.FGSM_SPP]
    rows = [
        (
            name,
            *(
                f"{100 * ours:.1f} ({100 * theirs:.1f})"
                for ours, theirs in zip(values, theirs_of, strict=True)
            ),
        )
        for (name, values), theirs_of in zip(
            series.items(), printed[: len(series)], strict=True
        )
    ]
    if not many:
        rows.append(
            (
                f"{MANY_SCALES}: {NOT_PUBLISHED}",
                *(f"– ({100 * theirs:.1f})" for theirs in paper.FGSM_SPP),
            )
        )
    return Part(
        name="fig7",
        title="Figure 7: accuracy under FGSM, one scale or many",
        header=("", *(f"tested at {scale}" for scale in scales)),
        rows=tuple(rows),
        notes=(
            "In percent, the paper's in brackets; what differs is said at "
            "table 2, whose numbers the figure draws with rows as training "
            f"scales. `{MANY_SCALES}` is one network trained at all scales, "
            "with the pyramid and without JPEG, read here at each alone.",
            *(
                cells.claim(
                    f"At {scale} pixels, many scales cost accuracy",
                    spp[index] if many else None,
                    series[f"trained at {scale}"][index],
                )
                for index, scale in enumerate(scales)
            ),
        ),
        picture="fig7.png",
        data={
            "series": series,
            "paper": {"one": paper.FGSM, "many": paper.FGSM_SPP},
            "many": {scale: summary(r) for scale, r in many.items()},
        },
        provenance=cells.provenance([*reports.values(), *many.values()]),
    )


def _many_scales(cells):
    """Returns a report for each scale of the network of many."""
    transferred = cells.fgsm(zoo.load(BASELINE))
    ensemble = find_ensemble(zoo.load(MANY_SCALES))
    return {
        scale: cells.measure(
            f"{MANY_SCALES}-tested{scale}",
            read_at(ensemble.classifier, scale, cells.image_shape),
            [transferred],
        )
        for scale in cells.settings.scales
    }
