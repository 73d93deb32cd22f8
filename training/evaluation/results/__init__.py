"""What an evaluation measured, from an image to a report."""
