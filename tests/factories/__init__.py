"""Builders of test data: only what matters to a test is spelled out there."""
