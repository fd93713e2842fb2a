"""The queue of wake-ups: a port, PgQueuer behind it, and one in memory for tests."""
