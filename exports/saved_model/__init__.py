"""Writes a model as a SavedModel and checks what was written."""
