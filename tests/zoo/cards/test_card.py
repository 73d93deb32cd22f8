"""Cards: written by an evaluation, read by everybody."""

import dataclasses
import json
from pathlib import Path

import pytest

from zoo import presets
from zoo.cards import StickerSuccess
from zoo.cards import card as cards
from zoo.presets import Preset
from zoo.presets import base
from zoo.presets import register
from zoo.threat import ThreatModel
from zoo.weights import GrownWeights
from zoo.weights import WeightFile
from zoo.weights import Weights

CLEAN = {
    "attack": "clean",
    "accuracy": 0.9375,
    "images": 1000,
    "seed": 0,
    "date": "2026-01-02",
    "commit": "0123abc",
}
PGD = CLEAN | {
    "attack": "pgd",
    "norm": "l2",
    "eps": 1.5,
    "accuracy": 0.5,
    "restarts": 5,
    "draws": 10,
    "steps": 40,
    "interval": [0.469, 0.531],
    "scoring_draws": 20,
}

STICKERS = StickerSuccess(
    attack="rp2",
    options={},
    steps=300,
    mask="stickers",
    signs=(("stop", 0),),
    targets=("yield",),
    views=40,
    accuracy=0.95,
    success=((0.5,),),
    targeted=0.25,
    dissimilarity=0.2,
    interval=(0.4, 0.6),
    seed=0,
    date="2026-01-02",
    commit="0123abc",
)


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """A registered preset, and the folder its card is written to and read."""
    monkeypatch.setattr(base, "_REGISTRY", dict(base._REGISTRY))
    monkeypatch.setattr(base, "_ALIASES", dict(base._ALIASES))
    monkeypatch.setattr(cards, "FOLDER", tmp_path / "cards")
    register(net())
    return tmp_path / "cards"


def net(sha256="ab" * 32):
    weights = (
        WeightFile("net.weights.json", sha256, 500),
        WeightFile("net_00000.weights.h5", "cd" * 32, 2_000_000),
    )
    return Preset(
        name="tiny_net",
        default_tag="data",
        builder="package.build",
        config=dict(num_classes=2, image_shape=(8, 6, 1), width=4),
        dataset="data",
        classes=("shoe", "bag"),
        threat=ThreatModel("l2", eps=1.5),
        recipe="package.recipe",
        weights=Weights(
            weights, uri="https://example.org", licence="Apache-2.0"
        ),
        paper="https://example.org/paper",
        description="A tiny network.",
    )


def test_merges_preset_and_measurements(folder):
    cards.write_card(
        "tiny_net", [CLEAN, PGD], parameters=1234, directory=folder
    )
    card = cards.info("tiny_net.data")
    assert card.to_dict() == {
        "name": "tiny_net",
        "alias": "tiny_net.data",
        "description": "A tiny network.",
        "task": "image classification",
        "dataset": "data",
        "classes": ["shoe", "bag"],
        "num_classes": 2,
        "input": {
            "shape": [8, 6, 1],
            "range": [0.0, 1.0],
            "dtype": "float32",
            "layout": "NHWC",
        },
        "threat": {"norm": "l2", "eps": 1.5},
        "measurements": [CLEAN, PGD],
        "stickers": [],
        "parameters": 1234,
        "files": ["net.weights.json", "net_00000.weights.h5"],
        "size": 2_000_500,
        "sha256": "ab" * 32,
        "licence": "Apache-2.0",
        "paper": "https://example.org/paper",
        "recipe": "package.recipe",
        "grown_from": None,
        "growth_seed": None,
    }
    json.dumps(card.to_dict(), allow_nan=False)


def test_reads_well(folder):
    cards.write_card(
        "tiny_net", [CLEAN, PGD], parameters=1234, directory=folder
    )
    text = str(cards.info("tiny_net"))
    for part in (
        "tiny_net\n",
        "  alias      tiny_net.data\n",
        "2: shoe, bag",
        "8x6x1",
        "l2, eps 1.5",
        "1,234",
        "2.0 MB",
        "clean                  93.8%  1000 images, seed 0, 2026-01-02",
        "pgd         l2 1.5     50.0% (46.9% to 53.1%)  1000 images, 40 steps, "
        "5 restarts, 10 draws, 20 scoring draws, seed 0, 2026-01-02",
    ):
        assert part in text


def test_what_several_attacks_left_reads_so(folder):
    cards.write_card(
        "tiny_net",
        [CLEAN, {**PGD, "cumulative": True}],
        parameters=1234,
        directory=folder,
    )
    text = str(cards.info("tiny_net"))
    assert "20 scoring draws, after those above, seed 0" in text


def test_stickers_are_kept_beside_the_measurements(folder):
    """Either part is written by itself and leaves the other."""

    def write(measurements, stickers=None, **options):
        return cards.write_card(
            "tiny_net",
            measurements,
            stickers=stickers,
            parameters=1,
            directory=folder,
            **options,
        )

    path = write([CLEAN])
    assert "stickers" not in json.loads(path.read_text())
    write(None, [STICKERS.to_dict()])
    card = cards.info("tiny_net")
    assert card.stickers == (STICKERS,)
    assert [m.attack for m in card.measurements] == ["clean"]
    assert f"  success of stickers\n    {STICKERS}" in str(card)
    assert card.to_dict()["stickers"] == [STICKERS.to_dict()]
    write([CLEAN, PGD], replace=True)
    assert cards.info("tiny_net").stickers == (STICKERS,)
    weaker = [dataclasses.replace(STICKERS, views=9).to_dict()]
    with pytest.raises(ValueError, match="9 views instead of 40"):
        write(None, weaker)
    write(None, weaker, replace=True)
    assert cards.info("tiny_net").stickers[0].views == 9
    assert cards.info("tiny_net").find("pgd", ThreatModel("l2", 1.5))


def test_stickers_come_from_committed_sources(folder):
    dirty = dataclasses.replace(STICKERS, commit="0123abc-dirty").to_dict()
    with pytest.raises(ValueError, match="commit=0123abc-dirty"):
        cards.write_card(
            "tiny_net", None, stickers=[dirty], parameters=1, directory=folder
        )
    assert not folder.exists()


def test_stickers_on_older_weights_are_left_out(folder, monkeypatch):
    cards.write_card(
        "tiny_net",
        [CLEAN],
        stickers=[STICKERS.to_dict()],
        parameters=1,
        directory=folder,
    )
    monkeypatch.setitem(base._REGISTRY, "tiny_net", net(sha256="ef" * 32))
    assert cards.info("tiny_net").stickers == ()


def test_flags_are_read_once(folder):
    flag = "few gradients: it is zero at 3.0% of the images"
    measured = [CLEAN, PGD | {"flags": [flag]}, PGD | {"flags": [flag]}]
    cards.write_card("tiny_net", measured, parameters=1, directory=folder)
    card = cards.info("tiny_net")
    assert card.find("pgd", ThreatModel("l2", 1.5)).flags == (flag,)
    assert str(card).endswith(f"\n  flagged\n    {flag}")
    assert card.to_dict()["measurements"][1]["flags"] == [flag]
    cards.write_card("tiny_net", [CLEAN, PGD], parameters=1, directory=folder)
    assert "flag" not in str(cards.info("tiny_net"))


def test_nothing_measured_or_published():
    register(
        Preset(
            name="bare_net",
            builder="package.build",
            config=dict(num_classes=2, image_shape=(8, 6, 1)),
            dataset="data",
            paper="-",
            description="Bare.",
        )
    )
    card = cards.info("bare_net")
    assert card.measurements == card.files == ()
    assert card.size is card.sha256 is card.parameters is card.threat is None
    assert card.licence is card.grown_from is None
    text = str(card)
    for part in (
        "data       untrained, made for data\n",
        "threat     none\n",
        "none published",
        "not measured",
    ):
        assert part in text
    assert not card.trained
    assert "alias" not in text
    assert card.alias is None
    json.dumps(card.to_dict())


def test_grown_weights_are_the_other_presets_file():
    grown = GrownWeights("tiny_net", seed=3, sha256="ef" * 32)
    register(
        dataclasses.replace(
            net(), name="grown_net", default_tag=None, weights=grown
        )
    )
    card, source = cards.info("grown_net"), cards.info("tiny_net")
    assert card.trained
    assert (card.files, card.size) == (source.files, source.size)
    assert card.licence == "Apache-2.0"
    assert (card.grown_from, card.growth_seed) == ("tiny_net", 3)
    assert card.sha256 == "ef" * 32
    text = "weights    grown from tiny_net, seed 3: net.weights.json, net_0000"
    assert text in str(card)


def test_grown_weights_are_measured_under_their_own_hash(folder, monkeypatch):
    grown = GrownWeights("tiny_net", seed=3, sha256="ef" * 32)
    preset = dataclasses.replace(
        net(), name="grown_net", default_tag=None, weights=grown
    )
    register(preset)
    path = cards.write_card(
        "grown_net", [CLEAN], parameters=9, directory=folder
    )
    assert json.loads(path.read_text())["sha256"] == "ef" * 32
    assert cards.info("grown_net").parameters == 9
    other = GrownWeights("tiny_net", seed=4, sha256="01" * 32)
    changed = dataclasses.replace(preset, weights=other)
    monkeypatch.setitem(base._REGISTRY, "grown_net", changed)
    assert cards.info("grown_net").measurements == ()


def test_what_an_untrained_model_is_made_for(monkeypatch):
    bare = dataclasses.replace(net(), weights=None)
    monkeypatch.setitem(base._REGISTRY, "tiny_net", bare)
    text = str(cards.info("tiny_net"))
    assert "threat     untrained, made for l2, eps 1.5\n" in text


def test_finds_the_lowest_of_an_attack_in_a_ball(folder):
    measurements = [
        CLEAN,
        PGD | {"eps": 1.0, "accuracy": 0.1},
        PGD | {"norm": "linf", "eps": 0.1, "accuracy": 0.2},
        PGD,
        PGD | {"accuracy": 0.25, "restarts": 9},
        PGD | {"accuracy": 0.75},
        PGD | {"accuracy": 0.0, "cumulative": True},
    ]
    cards.write_card("tiny_net", measurements, parameters=1)
    card = cards.info("tiny_net")
    found = card.find("pgd", ThreatModel("l2", 1.5))
    assert (found.accuracy, found.restarts) == (0.25, 9)
    assert card.find("clean").accuracy == 0.9375
    assert card.find("pgd") is None
    assert card.find("worst case", ThreatModel("l2", 1.5)) is None


def test_bytes_depend_on_the_content_alone(folder):
    once = cards.write_card(
        "tiny_net", [CLEAN, PGD], parameters=7, directory=folder / "a"
    )
    again = cards.write_card(
        "tiny_net.data",
        [dict(reversed(CLEAN.items())), dict(reversed(PGD.items()))],
        parameters=7,
        directory=str(folder / "b"),
    )
    assert once.read_bytes() == again.read_bytes()
    assert once.name == again.name == "tiny_net.json"
    assert once.read_text().startswith('{\n  "measurements": [\n')
    assert [path.name for path in (folder / "a").iterdir()] == [once.name]


def test_numbers_of_older_weights_are_left_out(folder, monkeypatch):
    cards.write_card("tiny_net", [CLEAN], parameters=1234, directory=folder)
    monkeypatch.setitem(base._REGISTRY, "tiny_net", net(sha256="ef" * 32))
    card = cards.info("tiny_net")
    assert card.measurements == ()
    assert card.parameters is None


@pytest.mark.parametrize(
    "change",
    [
        {"attack": None},
        {"seed": None},
        {"commit": None},
        {"commit": "0123abc-dirty"},
        {"norm": "l2"},
        {"norm": "l1", "eps": 0.5},
        {"date": None},
        {"accuracy": 93.75},
        {"accuracy": -0.1},
        {"accuracy": float("nan")},
        {"images": 0},
    ],
)
def test_bad_measurements_leave_no_file(folder, change):
    with pytest.raises(ValueError, match="Received: "):
        cards.write_card(
            "tiny_net", [PGD, CLEAN | change], parameters=1, directory=folder
        )
    assert not folder.exists()


def test_unserialisable_values_leave_the_old_card(folder):
    path = cards.write_card("tiny_net", [CLEAN], parameters=1, directory=folder)
    before = path.read_bytes()
    for value in (object(), float("inf")):
        with pytest.raises((TypeError, ValueError)):
            cards.write_card(
                "tiny_net",
                [CLEAN | {"extra": value}],
                parameters=1,
                directory=folder,
            )
    assert path.read_bytes() == before
    assert list(folder.iterdir()) == [path]


def test_unknown_name(folder):
    with pytest.raises(presets.UnknownPresetError, match="tiny_net"):
        cards.info("tiny_nett")
    with pytest.raises(presets.UnknownPresetError):
        cards.write_card("tiny_nett", [], parameters=1, directory=folder)


def test_shipped_cards_belong_to_their_presets():
    """Each was measured on the weights that its preset publishes."""
    for path in (Path(presets.__file__).parent / "cards").glob("*"):
        card = json.loads(path.read_text())
        preset = presets.get(path.name.removesuffix(".json"))
        assert path.name == f"{preset.name}.json" == f"{card['name']}.json"
        assert preset.weights is not None
        assert card["sha256"] == preset.weights.sha256
