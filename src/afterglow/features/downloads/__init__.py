"""Originals leave here, on an explicit download only."""
