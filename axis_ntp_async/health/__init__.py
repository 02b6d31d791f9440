"""
What we think of what we read.

Read `finding.py` first (the verdict's words), then `failures.py` and
`judge.py` (how it is reached), and last `sweep.py`, the door.
"""
