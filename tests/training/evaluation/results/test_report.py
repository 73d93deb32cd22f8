"""Reports: what they say, and that they come back from disk unchanged."""

import dataclasses
import io
import json

import numpy as np
import pytest
from rich.console import Console

from zoo.cards.measurement import Measurement
from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training.evaluation import Report
from zoo.training.evaluation.results.accuracy import Accuracy
from zoo.training.evaluation.results.attack_result import AttackResult
from zoo.training.evaluation.results.attack_result import WorstCase
from zoo.training.evaluation.results.flag import Flag
from zoo.training.evaluation.results.image_results import ImageResults
from zoo.training.evaluation.results.metrics import wilson_interval

THREAT = ThreatModel("l2", 1.0)
CLEAN = np.array([[True, True, True, False]] * 2)


def image_results(correct, l2, *, first=0):
    count = correct.shape[1]
    return ImageResults(
        indices=np.arange(first, first + count),
        correct=correct,
        l2=np.array(l2),
        linf=np.array(l2) / 2,
        dissimilarity=np.full(count, 0.125),
        pixel_distance=np.full(count, 8.0),
        seconds=12.5,
    )


PGD = image_results(
    np.array([[False, True, True, True], [False, False, True, True]]),
    [1.0, 1.0, 1.0, 1.0],
)
DDN = image_results(np.zeros((2, 4), bool), [0.5, 2.0, 0.75, 0.0])


def a_report(**changes):
    fields = {
        "model": "irm_toy",
        "weights": "00ff",
        "dataset": "fashion_mnist, test",
        "images": 4,
        "attacked": 4,
        "stochastic": True,
        "draws": 2,
        "skip_fooled": False,
        "clean": Accuracy.from_correct(CLEAN),
        "attacks": (
            AttackResult.from_results(
                "pgd",
                {
                    "eps": np.float32(1.0),
                    "steps": 40,
                    "restarts": 5,
                    "draws": 3,
                    "queries": 5000,
                    "sizes": (1, 2),
                    "loss": abs,
                },
                THREAT,
                clean=CLEAN,
                runs=[PGD],
            ),
            AttackResult.from_results(
                "ddn", {}, None, clean=CLEAN, runs=[DDN], minimized="l2"
            ),
        ),
        "worst_cases": (
            WorstCase.from_results(THREAT, clean=CLEAN, results=[PGD, DDN]),
        ),
        "flags": (),
        "seed": 7,
        "batch_size": 64,
        "attack_policy": "mixed_bfloat16",
        "versions": {"package": "1.2.3", "python": "3.11.0"},
        "commit": "0123abc",
        "date": "2026-01-02T03:04:05+00:00",
    }
    return Report(**{**fields, **changes})


def test_numbers_of_a_randomised_model():
    pgd, ddn = a_report().attacks
    # Right draws of the images right when clean: 0, 1 and 2 of 2.
    assert pgd.robust == Accuracy(
        mean=0.375,
        interval=pytest.approx((0.0919, 0.7806), abs=1e-4),
        worst_draw=0.25,
        every_draw=0.25,
    )
    assert pgd.success_rate == 0.5
    assert pgd.median_l2 == 1.0
    # The last image is right under attack, and earns its distance.
    assert pgd.aaac_score == pytest.approx(8 * (0 + 0.5 + 1 + 1) / 4)
    assert ddn.success_rate == 1.0
    # The fourth was never classified right, so its norm 0 doesn't count.
    assert ddn.median_l2 == 0.75
    assert ddn.mean_linf == pytest.approx((0.5 + 2.0 + 0.75) / 6)


def test_worst_case_of_a_randomised_model():
    """DDN's second image lies outside the ball, so PGD's counts there."""
    (worst,) = a_report().worst_cases
    assert worst.robust.mean == pytest.approx((0 + 0.5 + 0 + 0) / 4)
    assert worst.robust.worst_draw == 0.0
    assert worst.robust.every_draw == 0.0


def test_results_of_shards_merge():
    first = image_results(np.ones((2, 3), bool), [1.0, 2.0, 3.0])
    second = image_results(np.zeros((2, 1), bool), [4.0], first=3)
    merged = ImageResults.merge([first, second])
    assert merged.indices.tolist() == [0, 1, 2, 3]
    assert merged.correct.tolist() == [[True, True, True, False]] * 2
    assert merged.l2.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert merged.seconds == 25.0


def test_dict_round_trip_through_json():
    report = a_report(flags=(Flag("lucky draws", "pgd stopped early"),))
    text = json.dumps(report.to_dict(), allow_nan=False)
    assert Report.from_dict(json.loads(text)) == report


def test_whether_the_sanity_suite_ran_is_told():
    report = a_report(sanity=64)
    assert "the sanity suite on 64 images" in report.to_markdown()
    clean, *attacked = report.measurements()
    assert "sanity" not in clean
    assert {m["sanity"] for m in attacked} == {64}
    assert "sanity checked on 64" in Measurement.from_dict(attacked[0]).effort
    assert "the sanity suite was left out" in a_report().to_markdown()


def test_flags_are_read_before_numbers():
    report = a_report(flags=(Flag("lucky draws", "pgd stopped early"),))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(report.table())
    first = console.export_text().strip().splitlines()[0]
    assert first.strip() == "FLAGGED: lucky draws: pgd stopped early"
    names = list(report.to_dict())
    assert names.index("flags") < names.index("clean")


def test_a_card_tells_options_that_are_not_the_defaults():
    """A row could else hide what made the attack weak."""
    unlike = {"step_size": 0.5, "random_start": False}
    results = [
        AttackResult.from_results(
            bound.name, bound.options, bound.threat, clean=CLEAN, runs=[PGD]
        )
        for bound in (
            attacks.pgd(norm="l2", eps=1.0, seed=3),
            attacks.pgd(norm="l2", eps=1.0, **unlike),
            *attacks.suite("rand", THREAT),
        )
    ]
    _, plain, weak, ce, dlr = a_report(
        attacks=results, worst_cases=()
    ).measurements()
    assert "options" not in plain
    assert "options" not in ce
    assert weak["options"] == unlike
    assert dlr["options"] == {"loss": "dlr"}
    measured = Measurement.from_dict(weak)
    assert measured.options_in_words == ["step size 0.5", "no random start"]
    assert "step size 0.5, no random start" in measured.effort
    assert Measurement.from_dict(measured.to_dict()) == measured


def test_file_round_trip(tmp_path):
    report, path = a_report(), tmp_path / "deep" / "report.json"
    report.to_json(path)
    assert Report.from_json(path) == report
    report.to_json(str(path))
    assert [file.name for file in path.parent.iterdir()] == ["report.json"]


def test_options_are_plain_data():
    options = a_report().attacks[0].options
    assert options["eps"] == 1.0
    assert type(options["eps"]) is float
    assert options["sizes"] == [1, 2]
    assert options["loss"] == "<built-in function abs>"


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "report.json"
    a_report().to_json(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        a_report(versions={"package": float("nan")}).to_json(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(OSError, match="file"):
        a_report().to_json(file / "report.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 1}, "format=1"),
        ({"format": None}, "format=None"),
        ({"marks": []}, "marks"),
    ],
)
def test_other_formats_are_refused(change, said):
    with pytest.raises(ValueError, match=said):
        Report.from_dict({**a_report().to_dict(), **change})


def test_unknown_fields_of_a_result_are_refused():
    data = a_report().to_dict()
    data["attacks"][1]["marks"] = []
    with pytest.raises(TypeError, match="marks"):
        Report.from_dict(data)


def test_a_missing_field_is_named():
    data = a_report().to_dict()
    del data["seed"]
    with pytest.raises(ValueError, match="seed"):
        Report.from_dict(data)


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({"loss": "ce", "steps": 100, "restarts": 1}, "apgd-100"),
        ({"loss": "dlr", "steps": 100, "restarts": 2}, "apgd-dlr-100x2"),
    ],
)
def test_labels(options, label):
    one = AttackResult.from_results(
        "apgd", options, THREAT, clean=CLEAN, runs=[PGD]
    )
    assert one.label == label


def test_markdown_shows_names_as_they_are():
    """A folder may be called anything."""
    named = dataclasses.replace(a_report(), dataset="a\n# b|<b>")
    assert r" images of a # b\|\<b\>." in named.to_markdown()


def test_markdown_says_everything(tmp_path):
    path = tmp_path / "report.md"
    text = a_report().to_markdown(path)
    assert path.read_text("utf-8") == text
    lines = text.splitlines()
    assert lines[0] == "# Robustness of irm_toy"
    assert "4 images of fashion_mnist, test." in text
    assert "means over 2 fresh draws" in text
    table = [line for line in lines if line.startswith("|")]
    table, curve = table[:6], table[6:]
    assert table[0] == (
        "| attack | threat | images | accuracy | worst draw | every draw | "
        "success | median L2 | median L∞ | dissimilarity | AAAC | seconds |"
    )
    assert table[2:] == [
        "| clean | – | 4 | 75.0 (30.1–95.4) | 75.0 | 75.0 | – | – | – | – | – "
        "| – |",
        "| pgd-40x5 | L2 1 | 4 | 37.5 (9.2–78.1) | 25.0 | 25.0 | 50.0 | "
        "1.000 | 0.500 | 0.125 | 5.0 | 12.5 |",
        "| ddn | – | 4 | 0.0 (0.0–49.0) | 0.0 | 0.0 | 100.0 | 0.750 | "
        "0.375 | 0.125 | 0.0 | 12.5 |",
        "| worst case | L2 1 | 4 | 12.5 (1.3–60.4) | 0.0 | 0.0 | – | – | – | "
        "– | – | – |",
    ]
    assert {line.count("|") for line in table} == {13}
    assert curve == [
        "| ddn, L2 | 0.000 | 0.500 | 0.750 | 2.000 |",
        "| --- | --: | --: | --: | --: |",
        "| accuracy | 75.0 | 50.0 | 25.0 | 0.0 |",
    ]
    assert "*images*" not in text
    assert "SHA-256 of the weights' arrays: `00ff`" in text
    assert "- `pgd(eps=1.0, steps=40, restarts=5" in text
    assert "seed 7 in batches of 64, attacks in mixed_bfloat16;" in text
    assert "commit 0123abc; package 1.2.3" in text


def test_markdown_of_a_deterministic_model_has_no_draws():
    clean = Accuracy.from_correct(CLEAN[:1])
    text = a_report(
        stochastic=False, draws=1, clean=clean, attacks=(), worst_cases=()
    ).to_markdown()
    assert "draw" not in text
    assert (
        "| clean | – | 4 | 75.0 (30.1–95.4) | – | – | – | – | – | – |" in text
    )


@pytest.mark.parametrize("width", [50, 60, 70, 80, 120])
def test_table_fits_its_columns(width):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(a_report().table())
    text = console.export_text()
    assert "…" not in text
    assert "37.5 (9.2–78.1)" in text
    assert "pgd-40x5" in text
    assert "worst case" in text
    assert ("AAAC" in text) == (width > 80)
    assert ("L∞" in text) == (width > 50)
    assert "mean of 2 draws" in " ".join(text.split())


def skipping_report():
    """DDN in the ball after PGD, which left the last three images."""
    some = image_results(DDN.correct[:, 1:], DDN.l2[1:], first=1)
    second = AttackResult.from_results(
        "ddn",
        {},
        THREAT,
        clean=CLEAN,
        runs=[some],
        left=[np.array([[False, False, True, False]] * 2)] * 2,
    )
    first = a_report().attacks[0]
    return a_report(skip_fooled=True, attacks=(first, second))


def test_numbers_of_an_attack_on_some_images():
    """What is left is of all images, the rest of those it was run on."""
    second = skipping_report().attacks[1]
    assert second.images == 3
    assert second.robust.mean == 0.25
    assert second.robust.interval == wilson_interval(0.25, 4)
    # Two of the three were right without an attack, both were flipped.
    assert second.success_rate == 1.0
    assert second.median_l2 == pytest.approx((2.0 + 0.75) / 2)


def test_numbers_of_an_attack_on_no_image():
    result = AttackResult.from_results(
        "pgd",
        {},
        THREAT,
        clean=CLEAN,
        runs=[ImageResults.empty(2)],
        left=[np.zeros((2, 4), bool)] * 2,
    )
    assert (result.images, result.robust.mean) == (0, 0.0)
    numbers = dataclasses.asdict(result)
    for name in ("success_rate", "dissimilarity", "median_l2", "aaac_score"):
        assert numbers[name] is None
    report = a_report(skip_fooled=True, attacks=(result,))
    assert Report.from_dict(report.to_dict()) == report
    assert "| pgd | L2 1 | 0 | 0.0 (0.0–49.0) |" in report.to_markdown()


def test_numbers_of_two_runs():
    """Of each image the run counts that did most harm, then the shorter."""
    other = image_results(
        np.array([[True, False, False, True], [True, False, False, True]]),
        [1.0, 1.5, 0.25, 0.5],
    )
    both = AttackResult.from_results(
        "ddn", {}, None, clean=CLEAN, runs=[DDN, other]
    )
    # DDN fools every draw of all images, the other run not the first image;
    # the fourth is wrong without an attack.
    assert both.runs == (0.0, 0.25)
    assert both.robust.mean == 0.0
    assert both.median_l2 == pytest.approx(np.median([0.5, 1.5, 0.25]))
    assert both.seconds == DDN.seconds + other.seconds
    report = a_report(attacks=(both,))
    assert Report.from_dict(report.to_dict()) == report
    assert "| 12.5 ± 17.7 |" in report.to_markdown()
    assert "was run 2 times" in report.to_markdown()
    assert report.measurements()[1]["runs"] == [0.0, 0.25]
    assert "runs" not in a_report().measurements()[1]


def test_skipped_images_are_said_plainly():
    report = skipping_report()
    text = report.to_markdown()
    assert "| ddn | L2 1 | 3 | 25.0 (" in text
    assert "*images*: how many an attack was run on." in text
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(report.table())
    text = console.export_text()
    assert "…" not in text
    assert "images" in text
    assert "those before it" in text
    cumulative = [m.get("cumulative", False) for m in report.measurements()]
    assert cumulative == [False, True, True, False]


def test_measurements_for_a_card():
    measured = a_report().measurements()
    assert [m["attack"] for m in measured] == [
        "clean",
        "pgd",
        "ddn",
        "worst case",
    ]
    for measurement in measured:
        assert measurement["images"] == 4
        assert measurement["seed"] == 7
        assert measurement["commit"] == "0123abc"
        assert measurement["scoring_draws"] == 2
    assert measured[0]["accuracy"] == 0.75
    pgd = measured[1]
    assert (pgd["norm"], pgd["eps"], pgd["accuracy"]) == ("l2", 1.0, 0.375)
    assert (pgd["steps"], pgd["restarts"], pgd["draws"]) == (40, 5, 3)
    assert pgd["queries"] == 5000
    assert "norm" not in measured[2]
    json.dumps(measured, allow_nan=False)


def test_flags_reach_the_card():
    flag = Flag("few gradients", "it is zero at 3.0% of the images")
    measured = a_report(flags=(flag,)).measurements()
    assert "flags" not in measured[0]
    for measurement in measured[1:]:
        assert measurement["flags"] == [str(flag)]
    assert not any("flags" in m for m in a_report().measurements())


@pytest.mark.parametrize(
    "rule", ["hidden gradient", "no gradient", "no white box"]
)
def test_blind_attacks_make_no_card(rule):
    flags = (Flag("lucky draws", "pgd"), Flag(rule, "why"))
    with pytest.raises(ValueError, match=f"Received: {rule}: why$"):
        a_report(flags=flags).measurements()


def test_reports_from_before_surrogates_were_told_are_read():
    data = a_report().to_dict()
    del data["attacked_weights"]
    assert Report.from_dict(data) == a_report()


def test_reports_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        a_report().seed = 1
