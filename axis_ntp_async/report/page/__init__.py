"""
The report as one HTML file that opens from a mail.

Read `report.py` (what goes in), then the figures, a file each: `headline.py`,
`causes.py` with `commands.py`, `sites.py`, `servers.py`, `clocks.py`, `drift.py`,
`devices.py` with `courses.py`. `data.py` puts them together as plain JSON,
`summary.py` tells the most important without JavaScript, and `page.py` makes
the file. How it looks and behaves is in `assets/`.
"""
