"""
From what devices say to a plan, without sending anything.

Read `making.py` first, then `forecast.py` (what the change does to a clock),
`waves.py` (in which order) and `document.py` (the plan as a file).
"""
