"""Real nodes for the tests of the whole product: their processes, a client that does not give up, and what must hold.

data.py         a migrated data folder to copy, so that a test does not wait for `initdb`
processes.py    the processes of a node, found and killed by number
running.py      `RunningNode`: `afterglow up`, the whole product under its supervisor
bare.py         `BareNode`: the database, and http and worker started by hand, with a fault point or without
client.py       what a client of the API does: claims, uploads, resumes, tries again
upload.py       many files, several clients at once, something killed in between
invariants.py   what holds of every node, whatever was killed
"""
