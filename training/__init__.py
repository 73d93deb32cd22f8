"""Attacks, adversarial training, data sets and honest evaluation."""

import importlib

_MODULES = ("attacks", "datasets", "evaluation", "recipes", "reproduction")


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"zoo.training.{name}")
    if name == "AdversarialTrainer":
        from zoo.training.trainers.adversarial import AdversarialTrainer

        return AdversarialTrainer
    if name in ("FineTuning", "finetune"):
        return getattr(
            importlib.import_module("zoo.training.trainers.finetuning"), name
        )
    if name == "LabelSmoothing":
        from zoo.training.trainers.label_smoothing import LabelSmoothing

        return LabelSmoothing
    if name == "load_saved_model":
        from zoo.training.evaluation.saved_model_classifier import (
            load_saved_model,
        )

        return load_saved_model
    raise AttributeError(f"module 'zoo.training' has no attribute {name!r}")
