"""Steps of a single device: decoding, judging, logging in."""

from collections.abc import Iterator

from axis_ntp_async.device import wire
from axis_ntp_async.device.auth import Credentials, Login
from axis_ntp_async.health.judge import judge
from benchmarks.fleet.camera import Cameras, Request
from benchmarks.micro import samples
from benchmarks.micro.measure import Row, each
from benchmarks.setting import PASSWORD, PATH, REQUEST, USERNAME


def measure(rounds: int) -> Iterator[Row]:
    """Measure each of them."""
    body, good, bad = samples.answer(), samples.outcome(7), samples.outcome(0)
    times = 2000

    def decode() -> object:
        reply = wire.decode_reply("cam", body, samples.CONTEXT)
        return wire.decode_ntp_info("cam", reply)

    yield each("decode an answer", decode, times=times, rounds=rounds)
    yield each("judge an answer", lambda: judge(good), times=times, rounds=rounds)
    yield each("judge a failure", lambda: judge(bad), times=times, rounds=rounds)

    header = _challenge()
    device, credentials = samples.device(7), Credentials(USERNAME, PASSWORD)
    yield each(
        "read a digest challenge",
        lambda: Login(device, credentials).take([header]),
        times=times,
        rounds=rounds,
    )
    known = Login(device, credentials).take([header])
    yield each("digest header", lambda: known.header("POST", PATH), times=times, rounds=rounds)


def _challenge() -> str:
    """Give the `WWW-Authenticate` header of a device."""
    asked = Request(method="POST", path=PATH, login=None, close=False, body=REQUEST)
    lines = Cameras("digest").answer(7, asked).decode().split("\r\n")
    return next(line.partition(": ")[2] for line in lines if line.startswith("WWW-"))
