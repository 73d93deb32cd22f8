"""The success of stickers on a card, by hand."""

import dataclasses
import json

import pytest

from zoo.cards.sticker_success import StickerSuccess
from zoo.cards.sticker_success import check_no_weaker

SUCCESS = StickerSuccess(
    attack="rp2",
    options={},
    steps=300,
    mask="stickers",
    signs=(("stop", 4), ("yield", 4)),
    targets=("merge", "yield", "stop"),
    views=40,
    accuracy=0.95,
    success=((0.5, 0.25, None), (0.75, None, 0.5)),
    targeted=0.125,
    dissimilarity=0.2,
    interval=(0.4, 0.6),
    seed=4,
    date="2026-01-02",
    commit="0123456789",
)
ADAPTIVE = dataclasses.replace(SUCCESS, options={"defense_weight": 1e4})


def test_average_and_worst_by_hand():
    assert SUCCESS.average == (0.5 + 0.25 + 0.75 + 0.5) / 4
    assert SUCCESS.worst == 0.75
    assert SUCCESS.worst_by_sign == (0.5, 0.75)
    assert SUCCESS.worst_sticker == "yield 4 to merge"


def test_reads_well():
    assert ADAPTIVE.label == "rp2-300, defense_weight=10000"
    assert str(SUCCESS) == (
        "rp2-300  average 50.0% (40.0% to 60.0%), worst 75.0% (yield 4 to "
        "merge); 95.0% right without  2 signs (stop, yield), 2 targets, 40 "
        "held-out views, mask `stickers`, seed 4, 2026-01-02, commit 0123456"
    )


def test_json_holds_it():
    data = json.loads(json.dumps(ADAPTIVE.to_dict(), allow_nan=False))
    assert (data["average"], data["worst"]) == (0.5, 0.75)
    assert StickerSuccess.from_dict(data) == ADAPTIVE


@pytest.mark.parametrize(
    "changes",
    [
        {"success": ((0.5, 0.5, None),)},
        {"success": ((0.5,), (0.5,))},
        {"success": ((0.5, 1.5, None), (0.5, None, 0.5))},
        {"success": ((None,) * 3,) * 2},
        {"accuracy": -0.1},
        {"interval": (0.4, float("nan"))},
        {"views": 0},
        {"steps": 0},
    ],
)
def test_impossible_values(changes):
    with pytest.raises(ValueError, match="Received: "):
        dataclasses.replace(SUCCESS, **changes)


def test_fields_are_all_there():
    data = SUCCESS.to_dict()
    del data["mask"]
    with pytest.raises(ValueError, match=r"missing or unknown \['mask'\]"):
        StickerSuccess.from_dict(data)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ([], "nothing for rp2-300 on stickers;"),
        ([SUCCESS], "nothing for rp2-300, defense_weight=10000 on stickers$"),
        (
            [dataclasses.replace(SUCCESS, mask="octagon"), ADAPTIVE],
            "nothing for rp2-300 on stickers$",
        ),
        (
            [dataclasses.replace(SUCCESS, views=39), ADAPTIVE],
            "39 views instead of 40 for rp2-300$",
        ),
        (
            [dataclasses.replace(SUCCESS, steps=9), ADAPTIVE],
            "9 steps instead of 300",
        ),
        (
            [
                dataclasses.replace(
                    SUCCESS, signs=(("stop", 4),), success=((0.5, 0.5, None),)
                ),
                ADAPTIVE,
            ],
            "1 signs instead of 2",
        ),
        (
            [
                SUCCESS,
                dataclasses.replace(
                    ADAPTIVE, success=((0.5, 0.25, None), (0.3, None, 0.5))
                ),
            ],
            "38.8% instead of 50.0% for rp2-300, defense_weight",
        ),
    ],
)
def test_what_a_card_would_lose(new, said):
    with pytest.raises(ValueError, match=said):
        check_no_weaker([SUCCESS, ADAPTIVE], new)


def test_what_may_take_its_place():
    stronger = dataclasses.replace(
        SUCCESS, success=((1.0, 1.0, None), (1.0, None, 1.0)), steps=1000
    )
    within = dataclasses.replace(
        ADAPTIVE, success=((0.5, 0.25, None), (0.4, None, 0.5))
    )
    check_no_weaker([SUCCESS, ADAPTIVE], [within, stronger])
    check_no_weaker([], [])
