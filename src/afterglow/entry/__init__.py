"""Processes: what the outside world starts."""
