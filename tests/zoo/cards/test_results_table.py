"""Tables of README and the docs, written from the cards."""

import dataclasses
import subprocess
import sys

import pytest

import zoo
from tests.paths import ROOT
from zoo.cards import results_table as module
from zoo.cards.measurement import Measurement
from zoo.cards.results_table import HEADLINES
from zoo.cards.results_table import headline_table
from zoo.cards.results_table import main
from zoo.cards.results_table import markers
from zoo.cards.results_table import replace_table
from zoo.cards.results_table import results_table
from zoo.cards.results_table import stickers_table
from zoo.cards.sticker_success import StickerSuccess

CLEAN = {
    "attack": "clean",
    "accuracy": 0.9405,
    "interval": [0.93569, 0.94497],
    "images": 10000,
}
BALL = {"norm": "l2", "eps": 1.5, "images": 1000}
PGD = BALL | {
    "attack": "pgd",
    "accuracy": 0.5,
    "steps": 40,
    "restarts": 5,
    "draws": 1,
}
DDN = {"attack": "ddn", "accuracy": 0.4, "steps": 100, "images": 1000}
WORST = BALL | {
    "attack": "worst case",
    "accuracy": 0.3,
    "interval": [0.27, 0.33],
}
BEGIN, END = markers("results")
README = f"# Title\n\n{BEGIN}\nold\n{END}\nend\n"


@pytest.fixture
def card():
    """Returns a function that gives a card some measurements."""

    def build(*measurements, name="net"):
        when = {"seed": 0, "date": "2026-01-02"}
        return dataclasses.replace(
            zoo.info("wrn16_2"),
            name=name,
            measurements=tuple(
                Measurement.from_dict(when | data) for data in measurements
            ),
        )

    return build


@pytest.fixture
def cards(card, monkeypatch):
    """The cards the command reads, in place of the presets'."""
    cards = {"net": card(CLEAN, PGD, DDN, WORST), "new": card(name="new")}
    monkeypatch.setattr(module, "list_models", lambda: list(cards))
    monkeypatch.setattr(module, "info", cards.__getitem__)
    return cards


def test_rows_are_clean_and_worst_cases(card):
    table = results_table([card(CLEAN, PGD, DDN, WORST)]).splitlines()
    assert table[2:] == [
        "| `net` | – | none | 94.0 | 93.6–94.5 | 10,000 |",
        "| `net` | L2 1.5 | pgd, 40 steps, 5 restarts; ddn, 100 steps "
        "| 30.0 | 27.0–33.0 | 1,000 |",
    ]


def test_stickers_have_a_row_for_each_variant(card):
    success = StickerSuccess(
        attack="rp2",
        options={},
        steps=300,
        mask="stickers",
        signs=(("stop", 0), ("stop", 1)),
        targets=("yield",),
        views=40,
        accuracy=0.95,
        success=((0.5,), (0.75,)),
        targeted=0.25,
        dissimilarity=0.2,
        interval=(0.515, 0.724),
        seed=0,
        date="2026-01-02",
    )
    low = dataclasses.replace(success, options={"frequencies": 8})
    attacked = dataclasses.replace(card(CLEAN), stickers=(success, low))
    table = stickers_table([attacked, card(CLEAN)]).splitlines()
    on = "2 signs (stop), 1 target, 40 held-out views, mask `stickers` |"
    numbers = "| 95.0 | 62.5 | 51.5–72.4 | 75.0 |"
    assert table[2:] == [
        f"| `net` | rp2-300 {numbers} {on}",
        f"| `net` | rp2-300, frequencies=8 {numbers} {on}",
    ]


def test_effort_is_of_the_attacks_in_the_ball(card):
    other = PGD | {
        "attack": "square",
        "norm": "linf",
        "eps": 0.1,
        "queries": 5000,
    }
    draws = PGD | {"restarts": 1, "draws": 10}
    (row,) = results_table([card(other, draws, WORST)]).splitlines()[2:]
    assert "| pgd, 40 steps, 10 draws |" in row


def test_queries_are_effort(card):
    square = BALL | {"attack": "square", "accuracy": 0.5, "queries": 5000}
    (row,) = results_table([card(square, WORST)]).splitlines()[2:]
    assert "| square, 5,000 queries |" in row


def test_a_flagged_number_says_so(card):
    flagged = WORST | {"flags": ["few gradients: zero at 3.0%"]}
    (row,) = results_table([card(PGD, flagged)]).splitlines()[2:]
    assert "| pgd, 40 steps, 5 restarts; flagged |" in row


def test_a_ball_that_no_attack_entered_is_left_out(card):
    other = PGD | {"norm": "linf", "eps": 0.1}
    assert len(results_table([card(other, WORST)]).splitlines()) == 2


def test_unmeasured_models_are_left_out(card):
    assert len(results_table([card()]).splitlines()) == 2


def test_only_the_block_changes():
    text = replace_table(README, "results", "new")
    assert text == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\nend\n"
    assert replace_table(text, "results", "new") == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# Title\n", "Received: 0 and 0"),
        (f"{BEGIN}\n", "Received: 1 and 0"),
        (f"{BEGIN}\n{BEGIN}\n{END}\n", "Received: 2 and 1"),
        (f"{END}\n{BEGIN}\n", "must come before"),
    ],
)
def test_wrong_markers_are_named(text, said):
    with pytest.raises(ValueError, match=said):
        replace_table(text, "results", "new")


def test_drift_is_caught_and_mended(cards, card, tmp_path, capsys):
    file = tmp_path / "README.md"
    file.write_text(README)
    check = [str(file), "--check"]
    assert main(check) == 1
    assert file.read_text() == README
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert f"python -m zoo.cards.results_table {file}" in error
    assert main([str(file)]) == 0
    assert "| 94.0 |" in file.read_text()
    assert main(check) == 0
    cards["net"] = card(CLEAN | {"accuracy": 0.95}, PGD, DDN, WORST)
    assert main(check) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_files_without_markers_and_missing_ones(cards, tmp_path, capsys):
    file = tmp_path / "README.md"
    file.write_text("# Title\n")
    for path, said in ((file, BEGIN), (tmp_path / "missing.md", "No such")):
        assert main([str(path)]) == 1
        error = capsys.readouterr().err
        assert str(path) in error and said in error
        assert error.count("\n") == 1
    assert file.read_text() == "# Title\n"


def test_headlines_are_clean_and_in_the_balls_of_their_data(card):
    small = WORST | {"norm": "linf", "eps": 0.05}
    one = WORST | {"norm": "linf", "eps": 0.1, "accuracy": 0.4}
    two = WORST | {"eps": 1.0, "accuracy": 0.25}
    pgd = PGD | {"eps": 1.0, "accuracy": 0.25}
    known = card(CLEAN, small, one, two, pgd, name=HEADLINES[0])
    other = card(CLEAN, name="other")
    assert headline_table([other, known]).splitlines()[2:] == [
        f"| `{HEADLINES[0]}` | {known.description.removesuffix('.')} "
        "| 94.0 | L2 1: 25.0; L∞ 0.1: 40.0 | pgd-40x5; – |"
    ]


def test_headlines_are_presets():
    assert set(HEADLINES) <= set(zoo.list_models())


def test_one_file_holds_both_tables(cards, tmp_path):
    file = tmp_path / "README.md"
    begin, end = markers("headlines")
    file.write_text(README + f"{begin}\n{end}\n")
    assert main([str(file)]) == 0
    assert file.read_text().count("| model |") == 2
    assert main([str(file), "--check"]) == 0


def test_readme_and_docs_show_what_the_cards_say():
    files = [ROOT / "README.md", ROOT / "docs" / "results.md"]
    assert main([*map(str, files), "--check"]) == 0


def test_command_imports_nothing_heavy():
    code = (
        "import sys, zoo.cards.results_table as table;"
        "table.main(['README.md', '--check']);"
        "sys.exit(bool({'keras', 'numpy', 'tensorflow'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
