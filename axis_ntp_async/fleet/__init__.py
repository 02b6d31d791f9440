"""
Many devices at once.

Read `slots.py` first (who may work now), then `visits.py` (who waits for a
turn), `retry.py` (how patient we are) and `breaker.py` (when credentials are
tried no more), `run.py` (one run), and last `pool.py`, the door.
"""
