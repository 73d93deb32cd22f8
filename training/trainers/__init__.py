"""Adversarial training and fine-tuning, through Keras' `fit`."""

from zoo.training.trainers.adversarial import AdversarialTrainer
from zoo.training.trainers.finetuning import FineTuning
from zoo.training.trainers.finetuning import finetune
from zoo.training.trainers.label_smoothing import LabelSmoothing

__all__ = ["AdversarialTrainer", "FineTuning", "LabelSmoothing", "finetune"]
