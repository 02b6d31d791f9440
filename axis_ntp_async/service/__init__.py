"""
Telling others what a watch finds, while it goes on.

Read `notifier.py` with `channels.py` and `undelivered.py` first (to people), then `board.py` (what
can be seen), `access.py` (by whom) and `server.py`: metrics, probes and the
page over HTTP. `guard.py` watches over the watch.
"""
