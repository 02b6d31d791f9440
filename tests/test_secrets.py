"""
Secrets have one home: after a run with every failure, the password is searched everywhere.

What is searched for is the password itself and whatever could stand in for
it: the token of Basic, and the hash that a digest is made of.
"""

import asyncio
import base64
import hashlib
import json
import logging
import pickle
import sys
import traceback
import urllib.parse
import warnings
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import pytest

from axis_ntp_async import (
    Credentials,
    Device,
    DeviceError,
    DeviceSession,
    KnownDevices,
    NTPClientConfiguration,
    Outcome,
    RetryPolicy,
    SessionPool,
    Trust,
    judge,
    sweep,
)
from axis_ntp_async.errors import CredentialsError
from axis_ntp_async.report import documents
from axis_ntp_async.simulator.listing import Login
from axis_ntp_async.simulator.model.access import (
    BASIC,
    DIGEST,
    DIGEST_SHA256,
    Access,
    CertificateKind,
    Offer,
)
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Kind
from axis_ntp_async.simulator.model.world import World
from axis_ntp_async.simulator.serving.server import SimulatedFleet

USERNAME: Final = "ntp-service"
CANARY: Final = 'canary "7f3a" in/the+mine'

VARIANTS: Final[dict[str, dict[str, Any]]] = {
    "digest": {"access": Access(offers=(DIGEST,))},
    "sha-256": {"access": Access(offers=(DIGEST_SHA256, DIGEST))},
    "without qop": {"access": Access(offers=(Offer(qop=False),))},
    "basic": {"access": Access(offers=(BASIC,))},
    "no login": {"access": Access(offers=())},
    "wrong password": {"password": "changed on site"},
    "factory default": {"access": Access(factory_default=True)},
    "foreign certificate": {"certificate": CertificateKind.FOREIGN_DEVICE_ID, "tls": None},
    "unknown certificate": {"tls": "verify"},
    "wrong pin": {"tls": f"pin:{'0' * 64}"},
    "first contact": {"tls": "tofu"},
    "old firmware": {"firmware": "8.40.4"},
    **{kind.value: {"faults": kind} for kind in Kind},
}
"""Every way to log in, and everything that can go wrong."""


def cameras() -> Iterator[Camera]:
    world = World()
    for number, (variant, members) in enumerate(VARIANTS.items()):
        for place, scheme in enumerate(("http", "https")):
            # Credentials of a name of their own, so that nobody is suspended for the others.
            usual: dict[str, Any] = {
                "name": f"{variant} over {scheme}",
                "serial": f"ACCC8E{2 * number + place:06X}",
                "world": world,
                "scheme": scheme,
                "username": USERNAME,
                "password": CANARY,
                "credentials": f"of {variant}",
                "tls": "insecure",
            }
            yield Camera(**usual | members)


def forms_of(canary: str, realms: Iterable[str]) -> dict[str, bytes]:
    """Give everything that would let somebody in."""
    login = f"{USERNAME}:{canary}".encode()
    forms = {
        "the password": canary.encode(),
        "the password in JSON": json.dumps(canary)[1:-1].encode(),
        "the password in a URL": urllib.parse.quote_plus(canary).encode(),
        "the token of Basic": base64.b64encode(login),
    }
    for realm in realms:
        secret = f"{USERNAME}:{realm}:{canary}".encode()
        for name in ("md5", "sha256"):
            forms[f"the {name} of {realm}"] = hashlib.new(name, secret).hexdigest().encode()
    return forms


class Harvest:
    """Everything that came out of a run, with the place where it came out."""

    def __init__(self) -> None:
        self.pieces: list[tuple[str, bytes]] = []

    def add(self, place: str, text: object) -> None:
        piece = text if isinstance(text, bytes) else str(text).encode(errors="replace")
        self.pieces.append((place, piece))

    def add_object(self, place: str, thing: object) -> None:
        self.add(f"str of {place}", thing)
        self.add(f"repr of {place}", repr(thing))

    def leaks(self, forms: dict[str, bytes]) -> list[str]:
        return sorted(
            {
                f"{form} in {place}"
                for place, piece in self.pieces
                for form, text in forms.items()
                if text in piece
            }
        )


@pytest.fixture
async def fleet() -> AsyncIterator[SimulatedFleet]:
    made = tuple(cameras())
    logins = {camera.credentials or "": Login(USERNAME, CANARY) for camera in made}
    async with SimulatedFleet(made, logins=logins) as fleet:
        yield fleet


@pytest.fixture
def forms(fleet: SimulatedFleet) -> dict[str, bytes]:
    return forms_of(CANARY, [camera.realm for camera in fleet.cameras])


@pytest.fixture
def credentials(fleet: SimulatedFleet) -> dict[str, Credentials]:
    return {name: Credentials(USERNAME, CANARY) for name in fleet.logins}


IMPATIENT: Final = RetryPolicy(
    attempts=2,
    wait_initial_s=0.01,
    connect_timeout_s=2.0,
    attempt_timeout_s=2.0,
    device_timeout_s=3.0,
    budget_count=1000,
)


def chain_of(error: BaseException | None) -> list[BaseException]:
    """Give an error, what it came from, what that came from, and so on."""
    found: list[BaseException] = []
    ahead = [error]
    while ahead:
        one = ahead.pop()
        if one is not None and one not in found:
            found.append(one)
            ahead += [one.__cause__, one.__context__]
    return found


def harvest_outcome(harvest: Harvest, outcome: Outcome[Any]) -> None:
    """Take all that can be made of one outcome."""
    harvest.add_object("an outcome", outcome)
    harvest.add("a pickled outcome", pickle.dumps(outcome))
    for error in chain_of(outcome.error):
        harvest.add_object(f"a {type(error).__name__}", error)
        harvest.add("arguments of an error", error.args)
    if outcome.error is not None:
        harvest.add("a traceback", "".join(traceback.format_exception(outcome.error)))
        harvest.add("a pickled error", pickle.dumps(outcome.error))


def harvest_files(harvest: Harvest, folder: Path) -> None:
    """Take what a rollout writes into files."""
    for path in (*folder.glob("plan.json"), *folder.glob("night.db*")):
        harvest.add(path.name, path.read_bytes())


async def test_no_output_of_a_run_holds_a_secret(
    fleet: SimulatedFleet,
    credentials: dict[str, Credentials],
    forms: dict[str, bytes],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """
    Neither reprs nor errors, tracebacks, logs, documents, pickles, files or warnings.

    asyncio is told to report every single step, with its arguments.
    """
    caplog.set_level(logging.DEBUG)
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0
    harvest, known = Harvest(), KnownDevices(tmp_path / "known-devices")
    pool = SessionPool(credentials, retry=IMPATIENT, trust=Trust(known))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with pool:
            outcomes = [one async for one in pool.each(fleet.devices, DeviceSession.get_ntp_info)]
            for session in pool._sessions.values():
                harvest.add_object("a session", session)
                harvest.add_object("a transport", session._transport)
            harvest.add_object("a pool", pool)
        harvest.add_object("a trust", pool._trust)
    for outcome in outcomes:
        harvest_outcome(harvest, outcome)
        harvest.add("a document", json.dumps(documents.ntp_info_document(outcome)))
        finding = judge(outcome)
        harvest.add_object("a finding", finding)
        harvest.add("a finding's document", json.dumps(documents.finding_document(finding)))
    for warning in warned:
        harvest.add("a warning", warning)
    for record in caplog.records:
        harvest.add(f"the log {record.name}", record.getMessage())
        harvest.add(f"an argument of the log {record.name}", record.args)
    harvest.add("the known devices", (tmp_path / "known-devices").read_bytes())
    for thing in (*fleet.cameras, *fleet.devices, *fleet.logins.values(), *credentials.values()):
        harvest.add_object(f"a {type(thing).__name__}", thing)

    assert harvest.leaks(forms) == []
    assert_that_all_happened(outcomes, caplog)


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
        b"HTTP/1.1 302 Found\r\nLocation: nowhere\r\nContent-Length: 0\r\n\r\n",
        b"",
    ],
)
async def test_no_cause_of_an_error_holds_a_secret(answer: bytes) -> None:
    """aiohttp keeps the headers of the request in some of its errors, the login among them."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        challenge = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="r"\r\n'
        for text in (challenge + b"Content-Length: 0\r\n\r\n", answer):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            length = int(heads[-1].lower().partition(b"content-length:")[2].split()[0])
            await reader.readexactly(length)
            writer.write(text)
            await writer.drain()
        writer.close()

    heads: list[bytes] = []
    forms, harvest = forms_of(CANARY, ["r"]), Harvest()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        device = Device(name="d", host="127.0.0.1", port=port, scheme="http", plaintext_basic=True)
        async with DeviceSession(device, Credentials(USERNAME, CANARY)) as session:
            with pytest.raises(DeviceError) as caught:
                await session.get_ntp_info()
    for error in chain_of(caught.value):
        harvest.add_object(f"a {type(error).__name__}", error)
        harvest.add("arguments of an error", error.args)
    harvest.add("a traceback", "".join(traceback.format_exception(caught.value)))
    assert harvest.leaks(forms) == []
    assert forms["the token of Basic"] in heads[-1]


def assert_that_all_happened(
    outcomes: list[Outcome[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """A run in which nobody logged in, or nothing failed, would prove nothing."""
    kinds = {type(one.error).__name__ for one in outcomes if one.error is not None}
    logged_in = {one.device.name for one in outcomes if one.error is None}
    assert len(outcomes) == 2 * len(VARIANTS)
    assert logged_in >= {"digest over http", "sha-256 over https", "basic over https"}
    assert kinds >= {
        "AccessBlockedError",
        "CertificateRejectedError",
        "DeviceBusyError",
        "DeviceUnreachableError",
        "IdentityMismatchError",
        "InternalDeviceError",
        "LoginRefusedError",
        "NotAuthorizedError",
        "PlaintextLoginError",
        "UnexpectedResponseError",
        "UnsupportedDeviceError",
    }
    assert "asyncio" in {record.name for record in caplog.records}


async def test_no_write_and_no_sweep_tells_a_secret(
    fleet: SimulatedFleet, credentials: dict[str, Credentials], forms: dict[str, bytes]
) -> None:
    """The same for what else is done with a pool, and for its summary."""
    harvest = Harvest()
    wanted = NTPClientConfiguration(static_servers=("10.0.0.5",), minpoll=4)

    async def write(session: DeviceSession) -> None:
        await session.set_ntp_client_configuration(wanted)

    quick = RetryPolicy(attempts=1, attempt_timeout_s=1.0)
    async with SessionPool(credentials, retry=quick, trust=Trust(KnownDevices())) as pool:
        async with aclosing(pool.each(fleet.devices, write)) as outcomes:
            async for outcome in outcomes:
                harvest_outcome(harvest, outcome)
        swept = sweep(pool, fleet.devices, desired=wanted)
        findings = [finding async for finding in swept]
        harvest.add_object("a summary", swept.summary)
        harvest.add("its document", json.dumps(documents.summary_document(swept.summary)))
    assert len(findings) == 2 * len(VARIANTS)
    assert harvest.leaks(forms) == []


@pytest.mark.parametrize("command", ["get", "sweep", "versions", "set", "plan", "apply"])
async def test_no_command_prints_a_secret(
    fleet: SimulatedFleet, forms: dict[str, bytes], tmp_path: Path, command: str
) -> None:
    """Neither what is shown nor what is said beside it; nor is one in a plan or a journal."""
    inventory = fleet.write(tmp_path / "fleet")
    (tmp_path / "axis-ntp.toml").write_text(
        "preflight = false\nproof = 'readback'\n[policy]\nservers = ['10.0.0.5']\n",
        encoding="utf-8",
    )
    names = ("digest", "basic", "wrong password", "html", "reset", "first contact")
    limits = [f"--limit={name} over {scheme}" for name in names for scheme in ("http", "https")]
    wanted = {
        "set": ["--server=10.0.0.5", "--yes"],
        "plan": ["--out=plan.json"],
        "apply": ["--yes", "--journal=night.db"],
    }
    arguments = [command, str(inventory), "--attempts=1", *limits, *wanted.get(command, [])]
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-m", "axis_ntp_async", *arguments),
        env={"XDG_STATE_HOME": str(tmp_path), "PATH": ""},
        cwd=tmp_path,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    shown, said = await asyncio.wait_for(program.communicate(), 60)
    harvest = Harvest()
    harvest.add("standard output", shown)
    harvest.add("standard error", said)
    harvest_files(harvest, tmp_path)
    assert harvest.leaks(forms) == []
    assert b"digest over https" in shown, said
    assert b"refuses the user name or the password" in shown + said
    assert len(harvest.pieces) == {"plan": 3, "apply": 4}.get(command, 2)


def test_a_leak_is_found() -> None:
    """Each form of the secret is found wherever it is planted."""
    forms = forms_of(CANARY, ["AXIS_ACCC8E000000"])
    for form, text in forms.items():
        harvest = Harvest()
        harvest.add("a log", b"said: " + text + b".")
        assert f"{form} in a log" in harvest.leaks(forms)


def test_credentials_are_not_pickled() -> None:
    """Between processes goes their name."""
    with pytest.raises(TypeError, match="not pickled") as caught:
        pickle.dumps(Credentials(USERNAME, CANARY))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("wrong", [("na\nme", CANARY), (USERNAME, CANARY + "\udc80")])
def test_refused_credentials_are_not_repeated(wrong: tuple[str, str]) -> None:
    """The error about a password that cannot be sent does not tell it."""
    with pytest.raises(CredentialsError) as caught:
        Credentials(*wrong)
    assert "7f3a" not in "".join(traceback.format_exception(caught.value))


def test_a_device_error_is_a_device_error_after_pickling() -> None:
    """What is searched above is what another process would see."""
    error = DeviceError("lobby-3", "is not there")
    assert str(pickle.loads(pickle.dumps(error))) == "lobby-3: is not there"  # noqa: S301  our own
