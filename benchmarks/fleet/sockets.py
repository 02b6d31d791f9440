"""
Listening sockets of a whole fleet, and a place where no SYN is answered.

One socket listens at all addresses of the loopback interface; the address that
was connected to tells which camera is meant. `SO_BINDTODEVICE` keeps everybody
else out: the wildcard address alone would answer the network, too.

A black hole is a listener that accepts nothing and whose queue is full: Linux
drops further SYNs, and a client sees what it sees of a device without power,
no answer at all, and sends its SYN again after 1, 3 and 7 seconds.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

_BACKLOG: Final = 4096
_FILLERS: Final = 8
_FULL_AFTER_S: Final = 0.3


def listen(backlog: int = _BACKLOG) -> socket.socket:
    """Listen on a free port of all loopback addresses."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    listener.bind(("0.0.0.0", 0))
    listener.listen(backlog)
    listener.setblocking(False)
    return listener


@contextmanager
def black_hole() -> Iterator[int]:
    """
    Give a port at which no address answers a SYN.

    Raises:
        OSError: The queue did not get full, so that somebody would be answered.
    """
    with ExitStack() as opened:
        listener = opened.enter_context(listen(backlog=0))
        port: int = listener.getsockname()[1]
        for _ in range(_FILLERS):
            filler = opened.enter_context(socket.socket())
            filler.settimeout(_FULL_AFTER_S)
            try:
                filler.connect(("127.0.0.1", port))
            except TimeoutError:
                yield port
                return
        raise OSError(f"{_FILLERS} connections do not fill a queue of one")
