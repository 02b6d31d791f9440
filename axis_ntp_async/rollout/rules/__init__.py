"""
What is done next, decided without doing it.

Read `decision.py` first (about one device), then `proof.py` (whether its
clock follows), `budget.py` (when to stop) and `pacing.py` (how quickly).
"""
