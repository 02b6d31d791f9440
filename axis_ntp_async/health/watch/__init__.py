"""
Sweeping for months.

Read `rules.py` (in plain numbers), then the nouns: `standing.py` (one device,
once chance is taken out), `site_causes.py` (one cause of many), `own_clock.py`
(we ourselves), `events.py` (what is told). `memory.py` is what is kept between
sweeps, `overview.py` what is known now, and `watch.py` the door.
"""
