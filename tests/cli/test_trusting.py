"""`trust`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.device.trust import KnownDevices
from axis_ntp_async.simulator.model.access import CertificateKind
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Kind

Make = Callable[..., Camera]
KNOWN = Path("known")


@pytest.fixture
def trust(run: Callable[..., Any], serve: Callable[..., Path], make_camera: Make) -> Any:
    """Runs it on two devices with certificates of their own, and one that is dead on demand."""
    own = {"scheme": "https", "certificate": CertificateKind.OWN, "tls": "tofu"}
    inventory = serve(
        make_camera("one", **own),
        make_camera("two", **own),
        make_camera("plain"),
        make_camera("dead", faults=Kind.REFUSED, **own),
    )

    def run_trust(*arguments: str, command: str = "trust", limit: str = "!dead") -> Any:
        usual = ("--known-devices", KNOWN, "--attempts", "1", "--limit", limit)
        return run(command, inventory, *usual, *arguments)

    return run_trust


def recorded() -> list[list[str]]:
    return [line.split() for line in KNOWN.read_text(encoding="utf-8").splitlines()]


def _refuse(*_: object) -> None:
    raise OSError(30, "read-only")


def forge() -> None:
    """Record other certificates than the devices have."""
    lines = [f"{key} {'0' * 64} 2020-02-02" for key, _, _ in recorded()]
    KNOWN.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_new_certificates_are_shown_and_recorded(trust: Any) -> None:
    """Whole fingerprints, since half of one proves nothing; plain HTTP has none."""
    ran = trust("--yes")
    assert ran.code == 0
    assert len(recorded()) == 2
    for _, fingerprint, _ in recorded():
        assert f"sha256 {fingerprint}" in ran.out
    assert "1 device without a certificate" in ran.err
    assert "2 certificates recorded in known" in ran.err


def test_known_ones_are_only_counted(trust: Any) -> None:
    """Whoever looks for a change is not shown hundreds of devices without one."""
    trust("--yes")
    ran = trust()
    assert (ran.code, ran.out) == (0, "")
    assert "2 certificates known already" in ran.err


def test_what_is_recorded_is_what_tofu_trusts(trust: Any) -> None:
    """And nothing else."""
    trust("--yes")
    assert trust(command="get").code == 0
    forge()
    ran = trust(command="get")
    assert ran.code == 4
    kinds = {line["error"]["type"] for line in ran.lines if line["error"]}
    assert kinds == {"CertificateRejectedError"}


def test_a_change_is_shown_and_not_recorded(trust: Any) -> None:
    """Not even with --yes: that answers questions and makes no decisions."""
    trust("--yes")
    forge()
    ran = trust("--yes")
    assert ran.code == 4
    assert ran.out.count("DIFFERS from that of 2020-02-02") == 2
    assert "--replace" in ran.err
    assert len(recorded()) == 2


def test_a_change_is_recorded_by_replace(trust: Any) -> None:
    """For those who know why."""
    trust("--yes")
    forge()
    assert trust("--replace", "--yes").code == 0
    assert trust().code == 0


@pytest.mark.parametrize(("text", "count"), [("y", 2), ("n", 0)])
def test_people_are_asked(
    trust: Any, monkeypatch: pytest.MonkeyPatch, text: str, count: int
) -> None:
    """After they have seen them."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: text)
    assert trust().code == 0
    assert KNOWN.exists() == bool(count)


def test_without_a_terminal_nothing_is_recorded(trust: Any) -> None:
    """A script says --yes, and is told so."""
    ran = trust()
    assert ran.code == 2
    assert "--yes" in ran.err
    assert not KNOWN.exists()


def test_dead_devices_are_told(trust: Any) -> None:
    """With what to do; the others are recorded."""
    ran = trust("--yes", limit="*")
    assert ran.code == 1
    assert "1 x unreachable: dead" in ran.out
    assert len(recorded()) == 2


def test_plain_http_alone_is_nothing_to_do(trust: Any) -> None:
    """And no error."""
    ran = trust(limit="plain")
    assert (ran.code, ran.out) == (0, "")


def test_devices_with_tls_only_need_no_word_about_others(trust: Any) -> None:
    """What is not there is not mentioned."""
    ran = trust("--yes", limit="one")
    assert (ran.code, ran.err) == (0, "axis-ntp: 1 certificate recorded in known\n")


def test_no_login_is_needed(trust: Any) -> None:
    """The secret that the inventory names is not even looked for."""
    (Path("fleet") / "fleet.password").unlink()
    assert trust("--yes").code == 0


def test_a_file_that_cannot_be_written_is_told(
    trust: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a sentence."""
    monkeypatch.setattr(KnownDevices, "record", _refuse)
    ran = trust("--yes")
    assert ran.code == 2
    assert "known: cannot be written: read-only" in ran.err


def test_a_certificate_that_cannot_be_read_is_shown(
    trust: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its fingerprint is that of any other bytes."""

    def fail(_: bytes) -> None:
        raise ValueError

    monkeypatch.setattr("cryptography.x509.load_der_x509_certificate", fail)
    ran = trust("--yes")
    assert ran.code == 0
    assert ran.out.count("cannot be read") >= 2
