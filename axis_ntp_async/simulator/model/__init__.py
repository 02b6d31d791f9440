"""
How one device behaves: its NTP client, its clock, its login, its faults. Without any I/O.

Read `camera.py` first, then `world.py` and `clock.py` (where its time comes
from), `ntp_client.py` and `parameters.py` (what it makes of it), `api.py` (what
it answers), `faults.py`, `access.py` and `gate.py` (how it fails and whom it
lets in), `front.py` (all of that together), and `truth.py`.
"""
