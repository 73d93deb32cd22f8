"""Draws attacked images, curves and bars."""
