"""Runs attacks on images and scores what they made."""
