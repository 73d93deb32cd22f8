"""Libraries to compare with; a test is skipped where there is none."""

import numpy as np
import pytest


def import_foolbox():
    """Returns Foolbox, which asks NumPy 2 for what it no longer has."""
    if not hasattr(np, "find_common_type"):  # Foolbox 3.3.4 on NumPy 2.
        np.find_common_type = lambda types, _: np.result_type(*types)
    return pytest.importorskip("foolbox")
