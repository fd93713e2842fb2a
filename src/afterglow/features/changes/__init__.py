"""Committed changes in an order in which they can be followed, and the epochs in which that order holds."""
