"""
Showing what a rollout is going to do, does, and has done.

`documents.py` for programs; `plans.py` before, `board.py` and `live.py`
while it runs, `runs.py` and `audit.py` afterwards.
"""
