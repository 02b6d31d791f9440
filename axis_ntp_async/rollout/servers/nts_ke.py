"""Asking one address for keys for NTS, as far as the TLS handshake."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from axis_ntp_async.device.trust import blind_context
from axis_ntp_async.rollout.servers.checks import Answer, Question, Trouble

NTS_KE_PROTOCOL: Final = "ntske/1"
"""Its name in TLS. Source: RFC 8915, sections 4 and 7.2."""


async def ask_keys(question: Question, address: str, ends_at: float) -> Answer:
    """Shake hands as for NTS key establishment, and hang up."""
    context = blind_context(legacy=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([NTS_KE_PROTOCOL])
    try:
        async with asyncio.timeout_at(ends_at):
            _, writer = await asyncio.open_connection(
                address, question.port, ssl=context, server_hostname=question.server
            )
    except TimeoutError:
        return question.failed(Trouble.NO_ANSWER)
    except _BROKEN_HANDSHAKES as error:
        return _without_tls(question, error)
    except OSError as error:
        return question.broken(error)
    protocol = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    writer.transport.abort()
    if protocol != NTS_KE_PROTOCOL:
        return question.failed(Trouble.NO_NTS_KE, f"it does not offer {NTS_KE_PROTOCOL} by ALPN")
    return Answer(server=question.server, kind=question.kind)


_BROKEN_HANDSHAKES: Final = (
    ssl.SSLError,
    BrokenPipeError,
    ConnectionAbortedError,
    ConnectionResetError,
)


def _without_tls(question: Question, error: OSError) -> Answer:
    said = getattr(error, "reason", None) or str(error) or "the connection was closed"
    said = said.replace("_", " ").lower()
    if "no application protocol" in said:
        return question.failed(Trouble.NO_NTS_KE, f"it refuses {NTS_KE_PROTOCOL} by ALPN")
    return question.failed(Trouble.NO_TLS, said)
