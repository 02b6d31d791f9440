"""
What is wanted of each device.

Read `policy.py` first (what is wanted of whom, and who decides), then
`specificity.py` (which of several rules wins). `reading.py` is the door: it
makes a policy of a file, and `lines.py` tells where in the file a member
stands.
"""
