"""
Showing what a watch found, over time.

`documents.py` is for programs. For people: `courses.py` (one device),
`sweeps.py` (sites), `evidence.py` (one instant, and whether all is as written);
`strips.py` is what they draw with.
"""
