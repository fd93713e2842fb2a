"""SQL of administration."""
