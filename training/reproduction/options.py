"""Fields of a reproduction's settings that are options of `zoo reproduce`."""

import dataclasses
import typing
from pathlib import Path
from types import NoneType
from types import UnionType
from typing import Any


def option(
    default: Any,
    help: str,
    *,
    least: int = 1,
    flag: str | None = None,
    metavar: str | None = None,
) -> Any:
    """Declares a field of a frozen dataclass that a user may set.

    Args:
        default: Its default.
        help: What it is, for the command line and for those who read the
            class.
        least: Smallest value of a whole number; other numbers must be above
            zero.
        flag: Name on the command line; `None` for the field's own.
        metavar: What stands for the value in a help text; `None` for that of
            its type.
    """
    return dataclasses.field(
        default=default,
        metadata={
            "help": help,
            "least": least,
            "flag": flag,
            "metavar": metavar,
        },
    )


def declared(settings: type) -> dict[str, dataclasses.Field]:
    """Returns the fields that `option` declared, by their flags."""
    return {
        f"--{field.metadata['flag'] or field.name}".replace("_", "-"): field
        for field in dataclasses.fields(settings)
        if "help" in field.metadata
    }


def value_type(field: dataclasses.Field) -> type:
    """Returns `int`, `float`, `str`, `Path` or `tuple`: what a value is."""
    kinds = typing.get_args(field.type)
    if not isinstance(field.type, UnionType):
        kinds = (field.type,)
    (kind,) = (kind for kind in kinds if kind is not NoneType)
    return typing.get_origin(kind) or kind


def check_ranges(settings: Any) -> None:
    """Raises a `ValueError` if a number is below what its field allows."""
    for field in declared(type(settings)).values():
        value, kind = getattr(settings, field.name), value_type(field)
        if kind is int and value < field.metadata["least"]:
            rule = f"at least {field.metadata['least']}"
        elif kind is float and not value > 0:
            rule = "above 0"
        else:
            continue
        raise ValueError(
            f"{field.name} must be {rule}. Received: {field.name}={value}"
        )


def check_weights_folder(weights: Path | None) -> None:
    """Raises a `ValueError` unless it is a folder, or `None`."""
    if weights is not None and not weights.is_dir():
        raise ValueError(
            "weights must be a folder, or None for the published ones. "
            f"Received: weights={weights}"
        )


def to_dict(settings: Any) -> dict[str, Any]:
    """Returns settings as values that JSON can hold, without folders."""
    values = dataclasses.asdict(settings)
    del values["progress"]
    for field in dataclasses.fields(settings):
        if value_type(field) is Path:
            del values[field.name]
    return values
