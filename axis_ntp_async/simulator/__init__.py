"""
The other end of the wire: a fleet of devices that are not there.

Read `model/` first (how one device behaves, without any I/O), then `serving/`
(how it gets a loopback address), and last `fleets.py` and `demo.py`, which
make whole fleets, and `listing.py`, which writes their inventory.
"""
