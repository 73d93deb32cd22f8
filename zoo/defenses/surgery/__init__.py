"""Takes a classifier apart and builds another from copies of its layers."""
