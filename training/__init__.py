"""Attacks, adversarial training, data sets and honest evaluation.

Each name is imported when it is first asked for: `attacks` and the other
folders as modules, the rest as classes and functions.
"""

import importlib

_MODULES = (
    "attacks",
    "datasets",
    "evaluation",
    "recipes",
    "reproduction",
    "trainers",
)
_HOMES = {
    "AdversarialTrainer": "trainers",
    "FineTuning": "trainers",
    "LabelSmoothing": "trainers",
    "finetune": "trainers",
    "load_saved_model": "evaluation.saved_model_classifier",
}
"""The module that each class or function comes from."""


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
        return getattr(home, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted((*globals(), *_MODULES, *_HOMES))
