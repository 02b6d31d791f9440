"""
Changing it, safely.

Read `plan.py` first: its nouns, and the table of what may become of a device.
`planning/` makes a plan, `rules/` decides what is done next, `journal.py`
remembers what was intended and done, `rollout.py` does it: the door.
"""
