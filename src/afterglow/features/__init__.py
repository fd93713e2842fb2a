"""Capabilities, one folder each; see docs/explanation/architecture.md for their order."""
