"""Pixels: one decode, and everything that is shown of a photo made from it. Runs in a sandbox child only."""
