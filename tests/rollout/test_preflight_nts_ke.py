"""Servers of keys for NTS are asked as far as the TLS handshake; fakes speak TLS, or something."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.rollout.preflight import preflight
from axis_ntp_async.rollout.servers.checks import ServerCheck, ServerKind
from axis_ntp_async.simulator.serving.certificates import CertificateMaker

Serve = Callable[..., Awaitable[int]]


@pytest.fixture(scope="module")
def certificate_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where certificates stand for a moment."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def maker() -> CertificateMaker:
    """Makes certificates that nobody trusts."""
    return CertificateMaker()


@pytest.fixture
def context(maker: CertificateMaker, certificate_folder: Path) -> ssl.SSLContext:
    """TLS as a server speaks it whose certificate nobody trusts."""
    return maker.self_signed("time.example").context(certificate_folder)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a TCP server; gives its port."""
    started: list[asyncio.Server] = []

    async def start(
        context: ssl.SSLContext | None = None, *, says: bytes | None = b"", host: str = "127.0.0.1"
    ) -> int:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                if says is None:
                    await reader.read()
                else:
                    await reader.read(1)
                    writer.write(says)
            except ConnectionError:
                pass
            finally:
                writer.transport.abort() if not says else writer.close()

        server = await asyncio.start_server(accept, host, 0, ssl=context)
        started.append(server)
        return int(server.sockets[0].getsockname()[1])

    yield start
    for server in started:
        server.close()
        await server.wait_closed()


async def the_fault(port: int, **options: Any) -> str:
    [check] = await preflight([], ["127.0.0.1"], ntske_port=port, **options)
    [fault] = check.faults
    assert not check.is_ok
    return fault


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_server_of_keys_passes(serve: Serve, context: ssl.SSLContext, host: str) -> None:
    """Who speaks TLS and offers the protocol is good; its certificate is the cameras' business."""
    context.set_alpn_protocols(["ntske/1"])
    port = await serve(context, says=None, host=host)
    checks = await preflight([], [host], ntske_port=port)
    assert checks == (ServerCheck(server=host, kind=ServerKind.NTS_KE),)
    assert checks[0].is_ok


@pytest.mark.parametrize("protocols", [[], ["h2", "http/1.1"]])
async def test_a_web_server_gives_no_keys(
    serve: Serve, context: ssl.SSLContext, protocols: list[str]
) -> None:
    """TLS alone is not enough."""
    context.set_alpn_protocols(protocols)
    port = await serve(context, says=None)
    fault = await the_fault(port)
    assert fault.startswith("it speaks TLS, but not NTS-KE (it does not offer ntske/1")


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (b"\x15\x03\x03\x00\x02\x02\x78", "not NTS-KE (it refuses ntske/1 by ALPN)"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "alert handshake failure)"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "TLS fails (wrong version number)"),
        (b"", "TLS fails ("),
    ],
    ids=["alert on ALPN", "another alert", "no TLS", "hangs up"],
)
async def test_a_failed_handshake_is_told(serve: Serve, says: bytes, expected: str) -> None:
    """The reason is what TLS gives, in small letters."""
    port = await serve(says=says)
    fault = await the_fault(port)
    assert expected in fault
    assert "cameras get no keys from it" in fault


async def test_old_tls_gives_no_keys(serve: Serve, context: ssl.SSLContext) -> None:
    """NTS wants TLS 1.3."""
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    port = await serve(context, says=None)
    assert "TLS fails (" in await the_fault(port)


async def test_a_silent_handshake_ends_in_time(serve: Serve) -> None:
    """A server that accepts and says nothing is waited for as long as any other."""
    port = await serve(says=None)
    fault = await the_fault(port, timeout_s=0.3)
    assert fault.startswith(f"no answer on TCP port {port}")


async def test_a_closed_port_gives_no_keys() -> None:
    """TCP says so at once."""
    with socket.create_server(("127.0.0.1", 0)) as line:
        port = line.getsockname()[1]
    fault = await the_fault(port)
    assert fault.startswith(f"TCP port {port} is closed")
