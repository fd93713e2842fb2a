"""Who uses the server: its claim by the first owner, accounts, log-in, sessions and their tokens."""
