"""
Showing it.

Read `documents.py` first (what a record looks like outside), then `output.py`
(JSON, JSON lines and CSV), `tables.py` and `totals.py` (for people),
`terminal.py` and `progress.py`.
It imports nouns only: what renders cannot touch a device.
"""
