"""Table 4, IRM's ablation: what each part of the defense adds."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import zoo
from zoo.inspection import is_stochastic
from zoo.loading import dtype_policy
from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training.evaluation import Report
from zoo.training.evaluation.plots.bars import bar_chart
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.irm import paper
from zoo.training.reproduction.irm.evaluation_cache import BASELINE
from zoo.training.reproduction.irm.evaluation_cache import NOT_PUBLISHED
from zoo.training.reproduction.irm.evaluation_cache import EvaluationCache
from zoo.training.reproduction.irm.evaluation_cache import published
from zoo.training.reproduction.irm.evaluation_cache import summary

_CLAIMS = (
    ("DDN training helps", BASELINE, "ddn_wrn16_2"),
    ("JPEG helps", "ddn_wrn16_2", "jpeg_ddn_wrn16_2"),
    ("Many scales help", "ddn_wrn16_2", "spp_ddn_wrn16_2"),
    ("JPEG helps many scales", "spp_ddn_wrn16_2", "irm_wrn16_2"),
    ("The tricks help", "irm_wrn16_2", "irm_wrn16_2.tricks"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Row:
    """A preset's reports: under FGSM, and under the standard suite per ball."""

    transferred: Report
    standard: tuple[Report, ...]

    @property
    def fgsm(self) -> float:
        return self.transferred.attacks[0].robust_accuracy

    @property
    def score(self) -> float:
        return self.transferred.attacks[0].aaac_score

    @property
    def adaptive(self) -> list[float]:
        return [report.worst_cases[0].robust.mean for report in self.standard]


def table_4(cache: EvaluationCache, output: Path) -> Exhibit:
    """Measures table 4 and the standard suite beside it, and draws them.

    Args:
        output: Folder for the picture.
    """
    settings = cache.settings
    fgsm = cache.fgsm(zoo.load(BASELINE))
    columns = [threat.title for threat in settings.threats]
    rows = {
        name: _measure(name, cache, fgsm) if published(name) else None
        for name in paper.ABLATION
    }
    measured = {name: row for name, row in rows.items() if row is not None}
    data = [_data(name, row) for name, row in rows.items()]
    _draw(data, output / "tab4.png", title=f"IRM's ablation on {settings.data}")
    return Exhibit(
        name="tab4",
        title="Table 4: accuracy and AAAC score, part by part",
        header=(
            *("preset", "in the paper", "clean", "FGSM", "score"),
            *(f"standard suite, {column}" for column in columns),
        ),
        rows=tuple(
            _cells(name, row, len(columns)) for name, row in rows.items()
        ),
        notes=_notes(cache, rows),
        picture="tab4.png",
        data={"rows": data},
        provenance=cache.provenance(
            report
            for row in measured.values()
            for report in (row.transferred, *row.standard)
        ),
    )


def _draw(rows: list[dict], path: Path, *, title: str) -> None:
    """Draws the measured rows of the table's JSON."""
    measured = {
        row["preset"]: row["measured"]
        for row in rows
        if row["measured"] is not None
    }
    groups, images, series = [], [], {}
    for name, row in measured.items():
        balls = [ThreatModel(**suite["threat"]) for suite in row["standard"]]
        groups = [
            *("clean", "FGSM, transferred"),
            *(f"standard, {ball.title}" for ball in balls),
        ]
        images = [row["images"]] * 2
        images += [suite["images"] for suite in row["standard"]]
        series[name] = [row["clean"], row["fgsm"]]
        series[name] += [suite["robust"]["mean"] for suite in row["standard"]]
    bar_chart(groups, series, path, title=title, images=images)


def _measure(name: str, cache: EvaluationCache, fgsm: attacks.Attack) -> _Row:
    settings = cache.settings
    model = zoo.load(name)
    with dtype_policy(settings.attack_policy):
        surrogate = zoo.load(name)
    budget = {"steps": settings.steps, "queries": settings.queries}
    if is_stochastic(model):
        budget["draws"] = settings.attack_draws
    return _Row(
        transferred=cache.measure(f"{name}-fgsm", model, [fgsm]),
        standard=tuple(
            cache.measure(
                f"{name}-standard-{threat.norm}-{threat.eps:g}",
                model,
                attacks.suite("standard", threat, **budget),
                limit=settings.attack_limit,
                threat=threat,
                skip_fooled=True,
                surrogate=surrogate,
            )
            for threat in settings.threats
        ),
    )


def _cells(name: str, row: _Row | None, balls: int) -> tuple[str, ...]:
    title, accuracy, score = paper.ABLATION[name]
    clean = paper.CLEAN_ABLATION.get(name)
    printed = (
        "" if clean is None else f" ({100 * clean:.1f})",
        f" ({100 * accuracy:.1f})",
        f" ({score:.1f})",
    )
    if row is None:
        ours = [NOT_PUBLISHED, "–", "–"]
        adaptive = ["–"] * balls
    else:
        ours = [
            f"{100 * row.transferred.clean_accuracy:.1f}",
            f"{100 * row.fgsm:.1f}",
            f"{row.score:.1f}",
        ]
        adaptive = [f"{100 * value:.1f}" for value in row.adaptive]
    beside = [a + b for a, b in zip(ours, printed, strict=True)]
    return (f"`{name}`", title, *beside, *adaptive)


def _data(name: str, row: _Row | None) -> dict:
    title, accuracy, score = paper.ABLATION[name]
    data = {
        "preset": name,
        "paper": {"row": title, "fgsm": accuracy, "score": score},
        "measured": None,
    }
    if row is None:
        return data
    data["measured"] = summary(row.transferred) | {
        "fgsm": row.fgsm,
        "score": row.score,
        "standard": [
            {
                **dataclasses.asdict(report.worst_cases[0]),
                **summary(report),
                "attack_draws": report.attacks[0].options["draws"],
            }
            for report in row.standard
        ],
    }
    return data


def _notes(
    cache: EvaluationCache, rows: dict[str, _Row | None]
) -> Sequence[str]:
    settings = cache.settings

    def accuracy(name):
        return rows[name] and rows[name].fgsm

    return (
        "Accuracies in percent, the paper's in brackets. The paper: "
        "WRN-28-10, 110 classes of product photographs of 299 pixels, scales "
        "32, 64 and 128, FGSM of unknown radius. Ours: WRN-16-2, 10 classes "
        f"of `{settings.data}`, 28 pixels, FGSM of L∞ {settings.eps:g} on "
        f"{len(cache.images):,} images. An image misclassified without an "
        "attack counts as wrong.",
        "FGSM is run on `wrn16_2` and transferred, as in the paper, so it "
        "doesn't know the defense. On `wrn16_2` itself it is a white-box "
        "attack.",
        "The score (equation 5) is the mean colour change of an image's "
        "pixels, 0 to 255, or 0 if the image is misclassified. It grows with "
        "the radius and with the square root of the channels, three there "
        "and one here: compare scores down a column alone.",
        "The standard suite is AutoAttack run on the defended model "
        f"in {settings.attack_policy}. Its images are scored in float32; those "
        "that fool the low-precision copy alone are attacked again in "
        "float32. Its gradient passes straight through JPEG's rounding and "
        f"is averaged over {settings.attack_draws} draws where the model is "
        f"random. It takes {settings.steps} steps (AutoAttack: 100) and "
        f"{settings.queries:,} queries (AutoAttack: 5,000) on the first "
        f"{min(settings.attack_limit, len(cache.images)):,} images. Trust "
        "these numbers.",
        "The rows are not trained alike: `jpeg_ddn_wrn16_2` and "
        "`spp_ddn_wrn16_2` are `ddn_wrn16_2` trained for a few more epochs; "
        "`irm_wrn16_2` has a training of its own, which its tricks continue. "
        "Part of what a row adds comes from longer training.",
        *(
            cache.verdict(f"{text} (FGSM)", accuracy(before), accuracy(after))
            for text, before, after in _CLAIMS
        ),
    )
