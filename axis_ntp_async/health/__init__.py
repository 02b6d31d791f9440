"""
What we think of what we read.

Read `finding.py` first (the verdict on one device), then `sweep.py`, the door.
"""
