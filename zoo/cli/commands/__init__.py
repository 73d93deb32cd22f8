"""One module a command: its arguments, and a thin call of the API."""
