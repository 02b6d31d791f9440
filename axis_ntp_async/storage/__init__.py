"""
Files that outlive us, in SQLite: what a journal and a history have in common.

Read `files.py` (making, knowing and opening one), then `lock.py` (one
process at a time) and `claim.py` (who it is, and who it was).
"""
