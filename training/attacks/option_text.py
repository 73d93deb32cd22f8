"""Options of an attack, written as text."""

import inspect
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from zoo.suggestions import did_you_mean

_WORDS = {"true": True, "false": False, "none": None}


def read_options(
    name: str, text: str, accepted: Mapping[str, inspect.Parameter]
) -> dict[str, Any]:
    """Reads text such as `"eps=8/255,steps=40"`.

    Args:
        name: The attack's, for the message.
        text: Options between commas; numbers may be fractions.
        accepted: Parameters of the attack's factory that text may give.

    Raises:
        ValueError: If an option is unknown or has no value, or a flag is
            neither true nor false.
    """
    options = {}
    for pair in filter(None, text.split(",")):
        option, _, value = (part.strip() for part in pair.partition("="))
        if option not in accepted or not value:
            near = "" if option in accepted else did_you_mean(option, accepted)
            raise ValueError(
                f"Options of {name} are written `option=value` with one of "
                f"{', '.join(accepted)}.{near} Received: {pair.strip()!r}"
            )
        options[option] = _value(value)
        is_flag = accepted[option].annotation is bool
        if is_flag and not isinstance(options[option], bool):
            raise ValueError(
                f"{option} of {name} must be true or false. Received: {value!r}"
            )
    return options


def _value(text):
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for number in (int, Fraction):
        try:
            value = number(text)
        except (ValueError, ZeroDivisionError):
            continue
        return value if number is int else float(value)
    return text
