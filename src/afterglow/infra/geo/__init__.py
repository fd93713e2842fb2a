"""Places: what follows from a position, offline."""
