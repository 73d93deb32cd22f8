"""Table 4: what each part of the defense adds."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import zoo
from zoo.inspection import is_stochastic
from zoo.loading import dtype_policy
from zoo.training import attacks
from zoo.training.evaluation import Report
from zoo.training.evaluation.plots.bars import bar_chart
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.irm import paper
from zoo.training.reproduction.irm.evaluation_cache import EvaluationCache
from zoo.training.reproduction.irm.evaluation_cache import summary

NOT_PUBLISHED = "not published"
_NORMS = {"l2": "L2", "linf": "L∞"}
_CLAIMS = (
    ("DDN training helps", "wrn16_2", "ddn_wrn16_2"),
    ("JPEG helps", "ddn_wrn16_2", "jpeg_ddn_wrn16_2"),
    ("Many scales help", "ddn_wrn16_2", "spp_ddn_wrn16_2"),
    ("JPEG helps many scales", "spp_ddn_wrn16_2", "irm_wrn16_2"),
    ("The tricks help", "irm_wrn16_2", "irm_wrn16_2.tricks"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Row:
    """What was measured of a preset: FGSM's report, and one a ball."""

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


def published(name: str) -> bool:
    """Returns whether there is a preset of the name, with weights."""
    return name in zoo.list_models() and zoo.info(name).trained


def table_4(cells: EvaluationCache, output: Path) -> Exhibit:
    """Measures table 4, with the standard suite beside FGSM, and draws it.

    Args:
        output: Folder to draw to.
    """
    settings = cells.settings
    fgsm = cells.fgsm(zoo.load("wrn16_2"))
    columns = [f"{_NORMS[t.norm]} {t.eps:g}" for t in settings.threats]
    rows = {
        name: _measure(name, cells, fgsm) if published(name) else None
        for name in paper.LADDER
    }
    measured = {name: row for name, row in rows.items() if row is not None}
    bar_chart(
        ["clean", "FGSM, transferred", *(f"standard, {c}" for c in columns)],
        {
            name: [row.transferred.clean_accuracy, row.fgsm, *row.adaptive]
            for name, row in measured.items()
        },
        output / "tab4.png",
        title=f"IRM's parts on {settings.data}",
    )
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
        notes=_notes(cells, rows),
        picture="tab4.png",
        data={"rows": [_numbers(name, row) for name, row in rows.items()]},
        provenance=cells.provenance(
            report
            for row in measured.values()
            for report in (row.transferred, *row.standard)
        ),
    )


def _measure(name: str, cells: EvaluationCache, fgsm: attacks.Attack) -> _Row:
    settings = cells.settings
    model = zoo.load(name)
    with dtype_policy(settings.attack_policy):
        surrogate = zoo.load(name)
    numbers = {"steps": settings.steps, "queries": settings.queries}
    if is_stochastic(model):
        numbers["draws"] = settings.attack_draws
    return _Row(
        transferred=cells.measure(f"{name}-fgsm", model, [fgsm]),
        standard=tuple(
            cells.measure(
                f"{name}-standard-{threat.norm}-{threat.eps:g}",
                model,
                attacks.suite("standard", threat, **numbers),
                limit=settings.attack_limit,
                threat=threat,
                skip_fooled=True,
                surrogate=surrogate,
            )
            for threat in settings.threats
        ),
    )


def _cells(name: str, row: _Row | None, balls: int) -> tuple[str, ...]:
    title, accuracy, score = paper.LADDER[name]
    clean = paper.CLEAN_LADDER.get(name)
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


def _numbers(name: str, row: _Row | None) -> dict:
    title, accuracy, score = paper.LADDER[name]
    numbers = {
        "preset": name,
        "paper": {"row": title, "fgsm": accuracy, "score": score},
        "measured": None,
    }
    if row is None:
        return numbers
    numbers["measured"] = summary(row.transferred) | {
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
    return numbers


def _notes(
    cells: EvaluationCache, rows: dict[str, _Row | None]
) -> Sequence[str]:
    settings = cells.settings

    def accuracy(name):
        return rows[name] and rows[name].fgsm

    return (
        "Accuracies in percent, the paper's in brackets. The paper: "
        "WRN-28-10, 110 classes of product photographs of 299 pixels, scales "
        "32, 64 and 128, FGSM of unknown radius. Ours: WRN-16-2, 10 classes "
        f"of `{settings.data}`, 28 pixels, FGSM of L∞ {settings.eps:g} on "
        f"{len(cells.images):,} images. An image misclassified without an "
        "attack counts as wrong.",
        "FGSM is run on `wrn16_2` and transferred, as in the paper, so it "
        "knows nothing of the defense; on `wrn16_2` itself it has the "
        "gradient.",
        "The score (equation 5) is the mean colour change of an image's "
        "pixels, 0 to 255, or 0 if the image is misclassified. It grows with "
        "the radius and with the square root of the channels, three there "
        "and one here: compare scores down a column alone.",
        "The standard suite is AutoAttack run on the defended model "
        f"({settings.attack_policy}; what it makes is scored, and what fools "
        "that alone made again, in float32), its gradient passed through "
        f"JPEG and averaged over {settings.attack_draws} draws where the "
        f"model is random, with {settings.steps} steps for AutoAttack's 100 "
        f"and {settings.queries:,} queries for its 5,000, on the first "
        f"{min(settings.attack_limit, len(cells.images)):,} images. These are "
        "the numbers to trust.",
        "The rows are not trained alike: `jpeg_ddn_wrn16_2` and "
        "`spp_ddn_wrn16_2` go on from `ddn_wrn16_2` for a few epochs, "
        "`irm_wrn16_2` has a training of its own, and its tricks go on from "
        "it; part of what a row adds is the longer training.",
        *(
            cells.verdict(f"{text} (FGSM)", accuracy(before), accuracy(after))
            for text, before, after in _CLAIMS
        ),
    )
