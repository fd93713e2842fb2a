"""Thumbnails and previews: made from one decode, served, and disposable."""
