"""Settings whose fields are options of the command line."""

import dataclasses
from pathlib import Path

import pytest

from zoo.training.reproduction import options
from zoo.training.reproduction.registry import NAMES
from zoo.training.reproduction.registry import find


@dataclasses.dataclass(frozen=True)
class Settings:
    workdir: Path
    data_dir: Path | None = options.option(None, "a folder")
    count: int = options.option(3, "a count")
    seed: int = options.option(0, "a seed", least=0)
    eps: float = options.option(0.5, "a radius")
    names: tuple[str, ...] | None = options.option(None, "of", flag="name")
    progress: bool = True


def test_fields_are_options_by_their_flags():
    declared = options.declared(Settings)
    assert {flag: options.value_type(f) for flag, f in declared.items()} == {
        "--data-dir": Path,
        "--count": int,
        "--seed": int,
        "--eps": float,
        "--name": tuple,
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"count": 0}, "count must be at least 1. Received: count=0"),
        ({"seed": -1}, "seed must be at least 0. Received: seed=-1"),
        ({"eps": 0.0}, "eps must be above 0. Received: eps=0.0"),
        ({"eps": float("nan")}, "eps must be above 0. Received: eps=nan"),
    ],
)
def test_numbers_out_of_range(wrong, said):
    options.check_ranges(Settings(Path(), seed=0))
    with pytest.raises(ValueError, match=said):
        options.check_ranges(Settings(Path(), **wrong))


def test_folders_are_no_result():
    assert options.to_dict(Settings(Path("work"), Path("data"))) == {
        "count": 3,
        "seed": 0,
        "eps": 0.5,
        "names": None,
    }


@pytest.mark.parametrize("system", NAMES)
def test_systems_of_one_option_read_it_alike(system):
    """The command line has one reader for an option of several systems."""
    for flag, field in options.declared(find(system).Settings).items():
        for other in NAMES:
            same = options.declared(find(other).Settings).get(flag, field)
            assert same.name == field.name
            assert options.value_type(same) is options.value_type(field)
            assert same.metadata["least"] == field.metadata["least"]
