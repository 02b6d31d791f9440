"""
What a check prints for Nagios, Icinga and their like, and the code it leaves with.

Read `check.py` first (what a check comes to, and the rules), then `device.py` (one device),
`verdict.py` (which share of a fleet, or which site, decides) and `fleet.py` (how that is told).

Source: the development guidelines of monitoring-plugins: plugin output, return codes,
performance data.
"""
