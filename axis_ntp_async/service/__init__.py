"""
Telling others what a watch finds, while it goes on.

Read `consumers.py` first (who listens to a watch), then `recording.py` (into
the history), `notifier.py` with `channels.py` (to people), and `board.py`,
`access.py` and `server.py`: metrics, probes and the page over HTTP.
"""
