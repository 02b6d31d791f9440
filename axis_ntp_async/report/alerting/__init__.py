"""
What is made of the metrics elsewhere: alert rules for Prometheus, a dashboard for Grafana.

Read `rules.py` first, then `dashboard.py`.
"""
