"""Which step follows which, and the photo's status that follows from them; steps are known by name only."""
