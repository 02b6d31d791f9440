"""
Sweeping for months.

Read `rules.py` (in plain numbers), then the nouns: `standing.py` (one device,
once chance is taken out), `site_causes.py` (one cause of many), `own_clock.py`
(we ourselves), `events.py` (what is told). `conclusion.py` is what follows from
a sweep: `belief.py` which changes are told, `remarks.py` what is said of
ourselves. `memory.py` is what is kept between sweeps, `notice.py` what goes to
others, `overview.py` what is known now, and `watch.py` the door.
"""
