"""`afterglow upload`: files of this machine become photos of a server.

files.py      which files there are, and their checksums
outcomes.py   what became of each: uploaded, duplicate, skipped, failed
resume.py     unfinished uploads, remembered between two runs
transfer.py   one file through one upload session
report.py     progress bar and summary, or JSON lines
run.py        the pipeline: hash, ask the server what it has, upload the rest
"""
