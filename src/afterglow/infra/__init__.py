"""Technique without domain: ports, and the adapters behind them."""
