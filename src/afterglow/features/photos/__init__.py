"""Photos: their rows, files and sources."""
