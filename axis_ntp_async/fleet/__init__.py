"""
Many devices at once.

Read `inventory.py` and `credentials.py` (which devices, and who may log in),
then `retry.py` (how patient we are), and last `pool.py`, the door.
"""
