"""
What was found, for months.

Read `record.py` first (what is kept of one look), then `keeping.py` (which
looks are worth it), `rows.py` and `chain.py` (how it is written, and why nobody
can change it unseen), `files.py` (the tables), and the doors: `history.py`
writes, `reading.py` looks things up, `verifying.py` checks it, `pruning.py`
forgets, `sums.py` covers what remains of that. `course.py` and `searching.py`
find what is asked for, and `damage.py` what would hide from that. `evidence.py`
is what can be said of one device at one instant, `watched.py` when anybody
looked, and `lately.py` what a page shows.
"""
