"""
The other end of the wire: a fleet of devices that are not there.

Read `camera.py` first (how one device behaves, in a `world.py`, with a
`clock.py` and an `ntp_client.py`) and `api.py` (what it answers), then
`server.py`, which gives each of them a loopback address (`front.py` and
`gate.py` are its web server). `fleets.py` and `demo.py` make whole fleets; `faults.py` lists
what can go wrong, and `truth.py` tells what is wrong.
"""
