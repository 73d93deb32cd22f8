"""A folder that holds one run, whose numbers it remembers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.replacing import replacing


def check_same_run(path: Path, numbers: Mapping[str, Any]) -> None:
    """Notes a run's numbers in a file, or refuses other ones.

    Args:
        path: JSON file in the run's folder, made if missing.
        numbers: What the run depends on, as plain data.

    Raises:
        ValueError: If the file holds other numbers.
    """
    numbers = json.loads(json.dumps(numbers))
    if not path.exists():
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(numbers, indent=2) + "\n")
        return
    noted = json.loads(path.read_text())
    changed = [key for key in numbers if numbers[key] != noted.get(key)]
    if changed:
        raise ValueError(
            f"{path.parent} holds a run of other numbers; choose another "
            f"folder. Received: other {', '.join(changed)}"
        )
