"""Exports to runtimes other than TensorFlow's."""
