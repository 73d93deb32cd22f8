"""Says why a measured accuracy might not be the model's own."""
