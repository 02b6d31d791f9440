"""
What the metrics for Prometheus are made of.

Read `families.py` first (one metric, and how all are written), then `devices.py`
(what single devices have) and `fleet.py` (what a watch knows of all).
"""
