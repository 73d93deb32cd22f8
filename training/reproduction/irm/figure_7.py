"""Figure 7: one network for many scales against one for each scale."""

from pathlib import Path

import zoo
from zoo.models.scale_views import find_ensemble
from zoo.training.evaluation.plots.bars import bar_chart
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.irm import paper
from zoo.training.reproduction.irm.evaluation_cache import BASELINE
from zoo.training.reproduction.irm.evaluation_cache import NOT_PUBLISHED
from zoo.training.reproduction.irm.evaluation_cache import EvaluationCache
from zoo.training.reproduction.irm.evaluation_cache import published
from zoo.training.reproduction.irm.evaluation_cache import summary
from zoo.training.reproduction.irm.scale_training import read_at
from zoo.training.reproduction.irm.tables_1_2 import Reports

ONE_SCALE = "ddn_wrn16_2"
MANY_SCALES = "spp_ddn_wrn16_2"


def figure_7(cache: EvaluationCache, reports: Reports, output: Path) -> Exhibit:
    """Measures figure 7 and draws it.

    Args:
        reports: What `scale_variance` returned.
        output: Folder for the picture.
    """
    scales = cache.settings.scales
    series = {
        f"trained at {trained}": [
            reports[trained, tested].attacks[0].robust_accuracy
            for tested in scales
        ]
        for trained in scales
    }
    presets = {
        name: _read_at_each(name, cache)
        for name in (ONE_SCALE, MANY_SCALES)
        if published(name)
    }
    series |= {
        name: [report.attacks[0].robust_accuracy for report in read.values()]
        for name, read in presets.items()
    }
    bar_chart(
        [f"tested at {scale}" for scale in scales],
        series,
        output / "fig7.png",
        title=f"FGSM of L∞ {cache.settings.eps:g}, transferred",
        images=[len(cache.images)] * len(scales),
    )
    printed = {
        **dict(zip(series, paper.FGSM, strict=False)),
        ONE_SCALE: (None, None, None),
        MANY_SCALES: paper.FGSM_SPP,
    }
    rows = [
        (
            name if name in series else f"{name}: {NOT_PUBLISHED}",
            *map(_cell, series.get(name, (None, None, None)), theirs),
        )
        for name, theirs in printed.items()
    ]
    full = cache.image_shape[0]
    one, many = (
        series[name][scales.index(full)]
        if name in series and full in scales
        else None
        for name in (ONE_SCALE, MANY_SCALES)
    )
    return Exhibit(
        name="fig7",
        title="Figure 7: accuracy under FGSM, one scale or many",
        header=("", *(f"tested at {scale}" for scale in scales)),
        rows=tuple(rows),
        notes=(
            "In percent, the paper's in brackets. Table 2 says what differs; "
            "the figure draws its numbers with rows as training scales. "
            f"`{MANY_SCALES}` is one network trained at all scales, with the "
            "pyramid and without JPEG, tested here at each scale alone.",
            f"`{MANY_SCALES}` was trained further from `{ONE_SCALE}`, which "
            f"was trained at {full} pixels alone. Both saw DDN images, no "
            "clean ones, and were trained for longer than the networks above. "
            "So only these two, and only at that scale, show what many scales "
            "cost.",
            cache.verdict(
                f"At {full} pixels, many scales cost accuracy", many, one
            ),
        ),
        picture="fig7.png",
        data={
            "series": series,
            "paper": {"one": paper.FGSM, "many": paper.FGSM_SPP},
            "presets": {
                name: {scale: summary(r) for scale, r in read.items()}
                for name, read in presets.items()
            },
        },
        provenance=cache.provenance(
            [
                *reports.values(),
                *(r for read in presets.values() for r in read.values()),
            ]
        ),
    )


def _cell(ours, theirs):
    text = "–" if ours is None else f"{100 * ours:.1f}"
    return text if theirs is None else f"{text} ({100 * theirs:.1f})"


def _read_at_each(name, cache):
    """Returns the preset's report at each scale."""
    transferred = cache.fgsm(zoo.load(BASELINE))
    if name == MANY_SCALES:
        classifier = find_ensemble(zoo.load(name)).classifier
    else:
        channels = cache.image_shape[-1]
        classifier = zoo.load(name, image_shape=(None, None, channels))
    return {
        scale: cache.measure(
            f"{name}-tested{scale}",
            read_at(classifier, scale, cache.image_shape),
            [transferred],
        )
        for scale in cache.settings.scales
    }
