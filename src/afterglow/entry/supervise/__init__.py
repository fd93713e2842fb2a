"""The supervisor of `afterglow up`: starts the parts of a node, keeps them running, stops them in order.

    supervisor ── Postgres (embedded; survives a killed supervisor and is adopted by the next one)
               ├─ http     (Granian, which runs its own workers)
               └─ worker, one or more

Every part but Postgres is on a leash (`leash.py`): it ends when the supervisor does, however that happens.
`rules.py` decides, `parts.py` and `database.py` act, `run.py` puts them together. The supervisor stays small and lives
long: it imports no web framework and no database driver, and migrations run in a process of their own.
"""
