"""
What an inventory can look like as a file.

Read `reader.py` first: it recognizes a format and hands over to the file
that reads it. All of them give `entries.py`, whose `members.py` says how each
member of a device is read.
"""
