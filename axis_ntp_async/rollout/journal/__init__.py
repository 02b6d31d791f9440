"""
The durable record of what was about to be done, and of what was done: one SQLite file.

Read `files.py` first (its tables), then `journal.py` (writing; the intent is
on the disk before a request leaves), and `reading.py`.
"""
