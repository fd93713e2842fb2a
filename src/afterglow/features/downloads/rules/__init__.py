"""Decisions of downloads; pure."""
