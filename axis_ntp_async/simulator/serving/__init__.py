"""
How cameras get onto the loopback network.

Read `server.py` first, the door, then `addresses.py` and `listener.py` (where
they listen), `certificates.py` (what they show), and `counters.py`.
"""
