"""
What was found, for months.

Read `record.py` first (what is kept of one look), then `chain.py` (why nobody
can change it unseen), `files.py` (the tables), and the doors: `history.py`
writes, `reading.py` looks things up.
"""
