"""Afterglow: a self-hosted, hybrid photo platform."""

__version__ = "0.1.0"
