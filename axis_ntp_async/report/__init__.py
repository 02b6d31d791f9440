"""
Showing it.

Read `documents.py` first (what a record looks like outside), then `output.py`
(JSON, JSON lines and CSV), `tables.py` (for people) and `progress.py`.
It imports nouns only: what renders cannot touch a device.
"""
