"""Words every part may use; standard library only."""
