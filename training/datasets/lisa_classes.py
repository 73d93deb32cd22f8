"""The signs of LISA that its classifiers know."""

from zoo.presets import rendered_signs

LISA_CLASSES = rendered_signs.LISA_CLASSES
"""17 class names in the order of the labels, which count from 0."""
