"""
What is made of the metrics elsewhere: alert rules for Prometheus, a dashboard for Grafana.

Read `rules.py` first (the file for Prometheus, of `records.py` and `alerts.py`), then
`dashboard.py` (what is shown, in the shape of `panels.py`).
"""
