"""Notices reach webhooks and commands, or it is said why not; never with a secret."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from attrs import define, field

from axis_ntp_async.errors import DeliveryError, NoticeRefusedError
from axis_ntp_async.service.channels import Command, Webhook

SECRET = "hook-token-1234567890"
NOTICE = {"schema": "axis-ntp/notice/v1", "text": "Füße: lobby-3 is critical"}


@define
class Receiver:
    """A webhook that answers as it is told to."""

    answers: list[int] = field(factory=list)
    got: list[Any] = field(factory=list)
    headers: list[dict[str, str]] = field(factory=list)
    url: str = ""

    async def receive(self, request: web.Request) -> web.Response:
        status = self.answers.pop(0) if self.answers else 200
        self.headers.append(dict(request.headers))
        self.got.append(await request.json())
        location = {"Location": "http://127.0.0.1:9/stolen"} if status == 302 else {}
        return web.Response(status=status, headers=location)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/hooks/{secret}", receiver.receive)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/{SECRET}"
    yield receiver
    await runner.cleanup()


async def test_a_webhook_gets_json_and_its_headers(receiver: Receiver) -> None:
    """One post, with the token in the header that was asked for."""
    hook = Webhook(url=receiver.url, headers={"X-Token": SECRET})
    await hook.send(NOTICE)
    assert receiver.got == [NOTICE]
    assert receiver.headers[0]["X-Token"] == SECRET
    assert receiver.headers[0]["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_may_pass_is_tried_again(receiver: Receiver, status: int) -> None:
    """A receiver that restarts gets the notice all the same."""
    receiver.answers = [status, status]
    await Webhook(url=receiver.url, wait_s=0.001).send(NOTICE)
    assert len(receiver.got) == 3


@pytest.mark.parametrize(("status", "is_for_good"), [(413, True), (400, True), (404, False)])
async def test_what_is_refused_for_good_is_told_apart(
    receiver: Receiver, status: int, *, is_for_good: bool
) -> None:
    """A notice that is too large stays so; a wrong URL will be put right."""
    receiver.answers = [status]
    with pytest.raises(DeliveryError) as caught:
        await Webhook(url=receiver.url, wait_s=0.001).send(NOTICE)
    assert isinstance(caught.value, NoticeRefusedError) is is_for_good


@pytest.mark.parametrize("status", [302, 400, 401, 404])
async def test_what_stays_is_told_at_once(receiver: Receiver, status: int) -> None:
    """Nobody is asked again who said no, and nobody follows a redirect with a secret."""
    receiver.answers = [status] * 5
    hook = Webhook(url=receiver.url, wait_s=0.001)
    with pytest.raises(DeliveryError) as caught:
        await hook.send(NOTICE)
    assert len(receiver.got) == 1
    assert str(caught.value) == f"{hook.name}: HTTP {status}"


async def test_a_receiver_that_is_not_there_is_told() -> None:
    """After some tries; neither the URL nor a header is in the message, nor behind it."""
    hook = Webhook(
        url=f"http://127.0.0.1:1/hooks/{SECRET}", headers={"X-Token": SECRET}, wait_s=0.001
    )
    with pytest.raises(DeliveryError) as caught:
        await hook.send(NOTICE)
    assert str(caught.value) == "webhook at 127.0.0.1:1: cannot be reached: Connection refused"
    assert SECRET not in repr(hook)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_a_silent_receiver_costs_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as one, and the watch has not waited for it."""
    monkeypatch.setattr("axis_ntp_async.service.channels._TIMEOUT_S", 0.05)

    gone = asyncio.Semaphore(0)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.release()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(DeliveryError, match=r"no answer within 0\.05 s"):
        await Webhook(url=f"http://127.0.0.1:{port}/", wait_s=0.001).send(NOTICE)
    server.close()
    for _ in range(4):
        await gone.acquire()


@pytest.mark.parametrize(
    ("greeting", "message"),
    [
        (b"", "ended the connection without an answer"),
        (b"this is no HTTP\r\n\r\n", "gives no answer that can be read"),
    ],
)
async def test_a_receiver_that_speaks_no_http_is_told(greeting: bytes, message: str) -> None:
    """In words, and not in the names of exceptions alone."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(greeting)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(DeliveryError, match=message):
            await Webhook(url=f"http://127.0.0.1:{port}/", wait_s=0.001).send(NOTICE)


async def test_a_receiver_without_tls_is_told(receiver: Receiver) -> None:
    """Somebody typed https:// where http:// was meant."""
    url = receiver.url.replace("http://", "https://")
    with pytest.raises(DeliveryError, match="no TLS connection can be made"):
        await Webhook(url=url, wait_s=0.001).send(NOTICE)


async def test_a_name_that_is_not_known_is_told() -> None:
    """A typed-wrong host is seen as one."""
    hook = Webhook(url="http://no-such-host.invalid/", wait_s=0.001)
    with pytest.raises(DeliveryError, match=r"invalid:80: cannot be reached: \w+"):
        await hook.send(NOTICE)


def script(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    return [sys.executable, str(path)]


async def test_a_command_gets_json_on_its_standard_input(tmp_path: Path) -> None:
    """Whole, whatever letters are in it; what it prints bothers nobody."""
    words = script(
        tmp_path / "notify.py",
        "import sys, pathlib\n"
        "print('hello', file=sys.stderr)\n"
        f"pathlib.Path({str(tmp_path / 'got')!r}).write_bytes(sys.stdin.buffer.read())\n",
    )
    await Command(words=words).send(NOTICE)
    assert json.loads((tmp_path / "got").read_text(encoding="utf-8")) == NOTICE


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: ["/nowhere/at all"], "cannot be run: No such file or directory"),
        (lambda path: script(path, "raise SystemExit(3)"), "ended with 3$"),
        (
            lambda path: script(path, "import sys; sys.exit('a line\\nno such chat room')"),
            "ended with 1: no such chat room$",
        ),
        (lambda _: ["with\0nothing"], "cannot be run: it is no command"),
    ],
    ids=["missing", "failing", "complaining", "no-command"],
)
async def test_a_command_that_fails_is_told(
    tmp_path: Path, make: Callable[[Path], list[str]], message: str
) -> None:
    """With the program's name and the reason."""
    with pytest.raises(DeliveryError, match=message):
        await Command(words=make(tmp_path / "notify.py")).send(NOTICE)


@pytest.mark.parametrize("program", ["true", "false"])
def test_a_command_that_ends_at_once_is_judged_by_its_code(program: str) -> None:
    """On the loop of the program, too, where a pipe that nobody reads was an error of its own."""
    uvloop = pytest.importorskip("uvloop", reason="the extra 'speed' is not installed")

    async def send() -> None:
        await Command(words=[program]).send({"text": "x" * 100_000})

    for _ in range(20):
        if program == "true":
            uvloop.run(send())
        else:
            with pytest.raises(DeliveryError, match=r"ended with 1$"):
                uvloop.run(send())


async def test_what_a_command_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    """It has done its work when it ends itself."""
    words = script(
        tmp_path / "notify.py",
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3)'])\n",
    )
    await Command(words=words, limit_s=2.5).send(NOTICE)


async def test_a_command_that_hangs_is_killed(tmp_path: Path) -> None:
    """It does not outlive its limit."""
    words = script(tmp_path / "notify.py", "import time; time.sleep(600)")
    with pytest.raises(DeliveryError, match=r"took longer than 0\.3 s"):
        await Command(words=words, limit_s=0.3).send(NOTICE)


async def test_a_command_that_does_not_read_is_no_error(tmp_path: Path) -> None:
    """It may know all it needs from having been run."""
    words = script(tmp_path / "notify.py", "pass")
    await Command(words=words).send({"text": "x" * 1_000_000})
