"""Adversarial training and fine-tuning, through Keras' `fit`."""
