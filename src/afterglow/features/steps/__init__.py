"""State, attempts and leases of steps: start, heartbeat, finish."""
