"""
One device, and the API document in Python.

Read `records.py` first (the nouns), then `wire.py` (their JSON), `auth.py`
and `trust.py` (who talks to whom), and last `session.py`, the door.
"""
