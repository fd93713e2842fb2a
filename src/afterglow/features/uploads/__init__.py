"""Ways in over HTTP: one plain form, and upload sessions that resume."""
