"""A real chronyd is told as what it is: cameras of AXIS OS 11 and later run the same program."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from axis_ntp_async.rollout.preflight import preflight
from axis_ntp_async.rollout.servers.checks import ServerCheck
from axis_ntp_async.simulator.serving.certificates import CertificateMaker

SYNCHRONISED: Final = "127.0.0.1"
UNSYNCHRONISED: Final = "127.0.0.2"
LIVES_AT_MOST_S: Final = 60


class Servers(NamedTuple):
    """Two servers at one port, of which the first gives keys too; what they said is in files."""

    port: int
    ntske_port: int
    folder: Path


@pytest.fixture(scope="module")
def chronyd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Run a chronyd that calls itself good, and one that has nobody to ask."""
    folder = tmp_path_factory.mktemp("chrony")
    program = _copy_of_the_program(folder)
    port, ntske_port = _free_port(socket.SOCK_DGRAM), _free_port(socket.SOCK_STREAM)
    good = ["local stratum 5", *_with_keys(folder, ntske_port)]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for host, own in ((SYNCHRONISED, good), (UNSYNCHRONISED, [])):
            with (folder / f"{host}.log").open("wb") as log:
                command = _command(program, folder, host, port, own)
                started.append(
                    subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
                )
        yield Servers(port, ntske_port, folder)
    finally:
        for one in started:
            one.terminate()
        for one in started:
            try:
                one.wait(10)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()


def _copy_of_the_program(folder: Path) -> Path:
    """Give a copy: an installed chronyd may be forbidden to work outside its own folders."""
    found = shutil.which("chronyd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.skip("chronyd is not there; .ci/run shows how to unpack it without its service")
    program = folder / "chronyd"
    shutil.copy(found, program)
    tried = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"chronyd does not run: {tried.stderr.strip()}")
    return program


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as line:
        line.bind((SYNCHRONISED, 0))
        return int(line.getsockname()[1])


def _with_keys(folder: Path, port: int) -> list[str]:
    certificate = CertificateMaker().self_signed("time.example")
    (folder / "certificate.pem").write_bytes(certificate.pem)
    (folder / "key.pem").write_bytes(certificate.key_pem)
    return [
        *(f"ntsport {port}", "ntsprocesses 0"),
        *(f"ntsservercert {folder / 'certificate.pem'}", f"ntsserverkey {folder / 'key.pem'}"),
    ]


def _command(program: Path, folder: Path, host: str, port: int, own: list[str]) -> list[str]:
    """Give a command that leaves the clock (-x) and the usual files of the machine untouched."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    return [
        *(str(program), "-d", "-x", "-U", "-u", user, "-t", str(LIVES_AT_MOST_S)),
        *(f"port {port}", f"bindaddress {host}", "allow 127.0.0.0/8"),
        *("cmdport 0", "bindcmdaddress /", f"pidfile {folder / host}.pid"),
        *own,
    ]


async def _check(servers: Servers, host: str) -> ServerCheck:
    """Ask until it is up."""
    for _ in range(100):
        [check] = await preflight([host], port=servers.port)
        if check.stratum is not None:
            return check
        await asyncio.sleep(0.1)
    said = (servers.folder / f"{host}.log").read_text()
    pytest.fail(f"chronyd does not answer: {check.faults}; it said:\n{said}")


async def test_a_real_server_passes(chronyd: Servers) -> None:
    """It is there, it is on time with us, since it is our own clock that it tells."""
    check = await _check(chronyd, SYNCHRONISED)
    assert check.is_ok
    assert check.stratum == 5
    assert check.offset_s == pytest.approx(0, abs=0.1)
    assert check.round_trip_s is not None
    assert 0 <= check.round_trip_s < 1
    assert check.root_dispersion_s == pytest.approx(0, abs=1)


async def test_a_real_server_without_a_time_is_told(chronyd: Servers) -> None:
    """It answers, but says itself that it is not synchronised."""
    check = await _check(chronyd, UNSYNCHRONISED)
    assert any("it is not synchronised itself (stratum 0)" in fault for fault in check.faults)
    assert any("leap indicator 3" in fault for fault in check.faults)
    assert check.offset_s is None


async def test_a_real_server_of_keys_passes(chronyd: Servers) -> None:
    """What gives the time gives keys, too; its certificate is nobody's we know."""
    await _check(chronyd, SYNCHRONISED)
    checks = await preflight([], [SYNCHRONISED, UNSYNCHRONISED], ntske_port=chronyd.ntske_port)
    assert [one.is_ok for one in checks] == [True, False]
