"""
Which devices there are, and where their secrets are.

Read `inventory.py` first, the door, then `selection.py` (choosing among
them), `references.py` and `credentials.py` (the one home of secrets), and
`writing.py`. What files can look like is in `formats/`.
"""
