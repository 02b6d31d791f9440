"""`check` and `rules`."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
import pytest

from axis_ntp_async.cli.commands import axis_ntp
from axis_ntp_async.cli.monitoring_commands import MONITORING_COMMANDS
from axis_ntp_async.health.finding import PROFILES, Thresholds
from axis_ntp_async.report.alerting.dashboard import dashboard
from axis_ntp_async.report.alerting.rules import alert_rules
from axis_ntp_async.report.nagios.check import Code
from axis_ntp_async.simulator.demo import demo_fleet
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Kind
from axis_ntp_async.simulator.serving.server import SimulatedFleet

Make = Callable[..., Camera]
Run = Callable[..., Any]
Serve = Callable[..., Path]

PROGRAM = """
import sys
from axis_ntp_async.cli.commands import axis_ntp
from axis_ntp_async.cli.main import run
from axis_ntp_async.cli.monitoring_commands import MONITORING_COMMANDS
for command in MONITORING_COMMANDS:
    axis_ntp.add_command(command)
sys.exit(run())
"""
WRONG = {"clock_error_s": 60.0, "uptime_s": 0.0}
"""A camera that was just started with a wrong clock, and is not in sync."""


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands as part of the program."""
    for command in MONITORING_COMMANDS:
        assert command.name
        monkeypatch.setitem(axis_ntp.commands, command.name, command)


def begin(*arguments: object, **how: Any) -> subprocess.Popen[str]:
    usual = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)], **{**usual, **how}
    )


def test_a_fleet_in_sync_is_ok(run: Run, serve: Serve, make_camera: Make) -> None:
    """One line, nothing else, on either stream."""
    code, out, err = run("check", serve(*(make_camera(f"c-{number}") for number in range(3))))
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"NTP OK - 3/3 in sync, max offset \S+ ms, max skew \S+ s \| offset_max=\S+s;0.1;1 "
        r"skew_max=\S+s;2;5 unsynced=0;;;0;3 not_ok=0;0.03;;0;3 "
        r"warning=0;;;0;3 unknown=0;;;0;3 critical=0;;0.15;0;3\n",
        out,
    )


@pytest.mark.parametrize(
    ("members", "options", "first"),
    [
        ({}, (), r"OK - lobby-3: in sync, offset \S+ ms \| offset=\S+ skew=\S+"),
        ({}, ("--profile", "strict"), r"WARNING - lobby-3: it has 2 of at least 4 .*"),
        (WRONG, (), r"CRITICAL - lobby-3: not synced with 10.0.0.5, 10.0.0.6 \| skew=\S+"),
        ({"faults": Kind.REFUSED}, (), r"UNKNOWN - lobby-3: \S+: Connection refused"),
        ({"faults": Kind.REFUSED}, ("--unreachable-as", "warning"), r"WARNING - lobby-3: .*"),
        ({"password": "x"}, ("--unreachable-as", "ok"), r"UNKNOWN - lobby-3: .*password.*"),
    ],
)
def test_a_single_device_is_judged_by_its_state(
    single: Callable[..., Any], members: dict[str, Any], options: tuple[str, ...], first: str
) -> None:
    """A wrong password is unknown, and the cause stands in the line."""
    ran = single(members, *options)
    assert ran.code == Code[first.partition(" ")[0]]
    assert re.fullmatch(f"NTP {first}", ran.out.splitlines()[0])


@pytest.fixture
def single(run: Run, serve: Serve, make_camera: Make) -> Callable[..., Any]:
    """`check` of one device of two, which has these members."""

    def ran(members: dict[str, Any], *options: str) -> Any:
        inventory = serve(make_camera("well"), make_camera(**members))
        return run("check", inventory, "--limit", "lobby-3", "--attempts", "1", *options)

    return ran


def test_a_dark_site_is_critical(run: Run, serve: Serve) -> None:
    """In the fleet of the demo, where the time servers of one are gone."""
    inventory = serve(fleet=demo_fleet())
    options = ("--attempts", "1", "--timeout", "2", "--crit-fraction", "0.3")
    code, out, err = run("check", inventory, *options)
    first, *details = out.splitlines()
    assert (code, err) == (2, "")
    assert re.match(r"NTP CRITICAL - 3\d/60 in sync, max offset 1.2 s, max skew 3\d.\d s; ", first)
    assert "; 100 % critical at oslo, more than 30 %; critical: 10 not synced, " in first
    assert "; worst sites: oslo 10/10 not synced | offset_max=" in first
    assert len(details) == 11
    assert re.fullmatch(r"and 1\d more", details[-1])
    ran = run("check", inventory, *options, "--limit", "site=lyon", "--crit-fraction", "0.9")
    assert ran.code == 1


def test_a_policy_and_thresholds_count(run: Run, serve: Serve, make_camera: Make) -> None:
    """As for a sweep; what an override does not fit is no matter of the line."""
    inventory = serve(make_camera("a"), make_camera("b"))
    Path("p.toml").write_text(
        '[policy]\nservers = ["10.0.0.5"]\n[[policy.override]]\nmatch = "z"\nenabled = false\n',
        encoding="utf-8",
    )
    ran = run("check", inventory, "--policy", "p.toml")
    assert (ran.code, ran.out[:26]) == (1, "NTP WARNING - 2/2 in sync,")
    assert "; warning: 2 drift |" in ran.out
    assert "NTP" not in ran.err
    ran = run("check", inventory, "--offset-warning-ms", "0", "--offset-critical-ms", "0")
    assert ran.code == 2
    assert "s;0;0 " in ran.out


def test_settings_count(
    run: Run, serve: Serve, make_camera: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of files and of the environment, as for other commands."""
    inventory = serve(make_camera("a"), make_camera("b"))
    monkeypatch.setenv("AXIS_NTP_PROFILE", "strict")
    assert run("check", inventory).code == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("check",), "Missing argument 'INVENTORY'."),
        (("check", "f.toml", "--bogus"), "No such option '--bogus'."),
        (("check", "f.toml", "--warn-fraction", "2"), "Invalid value for '--warn-fraction': "),
        (("check", "f.toml", "--warn-fraction", "0.5"), "--warn-fraction 0.5 is above --crit"),
        (("check", "f.toml", "--crit-fraction", "0"), "--warn-fraction 0.01 is above --crit"),
        (("check", "f.toml", "--deadline", "0"), "Invalid value for '--deadline': "),
        (("check", "f.toml", "--deadline", "inf"), "Invalid value for '--deadline': "),
        (("check", "f.toml", "--unreachable-as", "x"), "Invalid value for '--unreachable-as': "),
        (("check", "missing.toml"), "missing.toml: "),
        (("check", "faulty.toml"), "faulty.toml:"),
        (("check", "f.toml", "--policy", "missing.toml"), "missing.toml: "),
        (("check", "f.toml", "--limit", "nobody"), "'nobody' fits none of 1 device"),
        (("check", "f.toml", "--offset-warning-ms", "9999"), "--offset-warning-ms: "),
        (("check", "f.toml"), "credentials 'a': "),
        (("check", "no/such/folder"), "no/such/folder: "),
    ],
)
def test_mistakes_are_unknown(run: Run, arguments: tuple[str, ...], told: str) -> None:
    """To a scheduler 2 means critical and 1 a warning, so neither is for wrong options."""
    Path("f.toml").write_text(
        '[credentials.a]\nusername = "u"\npassword = "env:NOT_SET"\n'
        '[[devices]]\nname = "lobby-3"\nhost = "127.0.0.1"\ncredentials = "a"\n',
        encoding="utf-8",
    )
    Path("faulty.toml").write_text("[[devices]]\n[[devices]]\n", encoding="utf-8")
    code, out, err = run(*arguments)
    assert (code, err) == (3, "")
    assert out.startswith(f"NTP UNKNOWN - {told}")
    assert out.count("\n") == 1
    assert "|" not in out


def test_faulty_settings_are_unknown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file as well as in the environment."""
    Path("axis-ntp.toml").write_text("nonsense = 1\n", encoding="utf-8")
    code, out, _ = run("check", "127.0.0.1")
    assert (code, out[:29]) == (3, "NTP UNKNOWN - axis-ntp.toml: ")
    Path("axis-ntp.toml").unlink()
    monkeypatch.setenv("AXIS_NTP_ATTEMPTS", "many")
    code, out, _ = run("check", "127.0.0.1")
    assert (code, out[:46]) == (3, "NTP UNKNOWN - Invalid value for '--attempts' (")


def test_help_is_help(run: Run) -> None:
    """It tells the rule; nobody schedules it."""
    code, out, _ = run("check", "--help")
    assert code == 0
    assert "CRITICAL  more than --crit-fraction of the devices are critical\n" in out
    assert "For a large fleet give --attempts 1 --timeout 5" in " ".join(out.split())


def raising(error: BaseException) -> Callable[..., NoReturn]:
    def work(*_: object, **__: object) -> NoReturn:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ZeroDivisionError("division by zero"), "bug in axis-ntp: ZeroDivisionError: division"),
        (PermissionError(13, "Permission denied", "f.toml"), "f.toml: Permission denied\n"),
        (OSError("no such thing"), "no such thing\n"),
        (KeyboardInterrupt(), "interrupted\n"),
        (click.Abort(), "interrupted\n"),
    ],
)
def test_whatever_happens_is_unknown(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, told: str
) -> None:
    """A bug, too: its traceback would leave with 1, which is a warning."""
    monkeypatch.setattr("axis_ntp_async.cli.checking.check", raising(error))
    code, out, err = run("check", "127.0.0.1")
    assert (code, out.startswith(f"NTP UNKNOWN - {told}")) == (3, True)
    assert ("Traceback" in err) == isinstance(error, ZeroDivisionError)


def test_it_ends_before_its_deadline(run: Run, serve: Serve, make_camera: Make) -> None:
    """What was not reached by then counts as unknown; what was is told."""
    silent = [make_camera(f"silent-{number}", faults=Kind.SILENT) for number in range(4)]
    inventory = serve(make_camera("a"), make_camera("b"), *silent)
    began = time.monotonic()
    code, out, _ = run("check", inventory, "--deadline", "3")
    assert time.monotonic() - began < 3
    assert (code, out.splitlines()[0].partition(",")[0]) == (3, "NTP UNKNOWN - 2/6 in sync")
    assert "; unknown: 4 not tried |" in out
    assert "UNKNOWN silent-0: no answer within the deadline of 3 s" in out


def test_a_password_that_does_not_come_does_not_hold_it_up(run: Run) -> None:
    """Nor does anything else that blocks."""
    began = time.monotonic()
    ran = run("check", "127.0.0.1", "--deadline", "0.5", "--password-from", "exec:sleep 60")
    assert time.monotonic() - began < 10
    assert (ran.code, ran.out) == (3, "NTP UNKNOWN - no result within the deadline of 0.5 s\n")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_scheduler_that_loses_patience_gets_an_answer(
    serve: Serve, make_camera: Make, number: signal.Signals
) -> None:
    """A signal would be a code of its own."""
    fleet = SimulatedFleet([make_camera("silent", faults=Kind.SILENT)])
    with begin("check", serve(fleet=fleet), "--attempts", 1) as process:
        give_up = time.monotonic() + 60
        while not fleet.counters.requests and time.monotonic() < give_up:
            time.sleep(0.02)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    told = "interrupted" if number is signal.SIGINT else f"stopped by {number.name}"
    assert (process.returncode, out, err) == (3, f"NTP UNKNOWN - {told}\n", "")


def test_an_output_that_nobody_reads_is_unknown(serve: Serve, make_camera: Make) -> None:
    """Whether it is closed, full, or not there at all."""
    inventory = serve(make_camera("a"), make_camera("b"))
    process = begin("check", inventory)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert (process.stderr.read(), process.wait(60)) == ("", 3)
    process.stderr.close()
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        process = begin("check", inventory, stdout=full)
        assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 3
    ran = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", sys.executable, "-c", PROGRAM, "check", str(inventory)],
        check=False,
    )
    assert ran.returncode == 0


def test_hostile_names_stay_in_their_place(run: Run, serve: Serve, make_camera: Make) -> None:
    """A `|` in a name or in what a device says begins no performance data."""
    hostile = make_camera("a|b", site="x|y", advertised_servers=("c|d\n\x1b[2J",), **WRONG)
    code, out, _ = run("check", serve(hostile, make_camera("c")))
    first, *details = out.splitlines()
    assert (code, first.count("|")) == (2, 1)
    assert details == ["CRITICAL a/b (x/y): not synced with 10.0.0.5, 10.0.0.6"]


@pytest.mark.parametrize(
    ("options", "thresholds"),
    [
        ((), Thresholds()),
        (("--profile", "strict"), PROFILES["strict"]),
        (("--offset-warning-ms", "50"), Thresholds(offset_warning_ms=50.0)),
    ],
)
def test_rules_and_dashboard_are_printed(
    run: Run, options: tuple[str, ...], thresholds: Thresholds
) -> None:
    """With the thresholds given."""
    assert run("rules", "alerts", *options) == (0, alert_rules(thresholds), "")
    assert run("rules", "dashboard", *options) == (0, dashboard(thresholds), "")


def test_rules_know_how_often_devices_are_looked_at(run: Run) -> None:
    """A state has to last for two looks."""
    ran = run("rules", "alerts", "--interval", "900")
    assert ran.out == alert_rules(Thresholds(), interval_s=900.0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("alerts", "--interval", "0"),
        ("alerts", "--offset-warning-ms", "9999"),
        ("dashboard", "--profile", "none"),
        ("nothing",),
    ],
)
def test_mistakes_about_rules_are_mistakes(run: Run, arguments: tuple[str, ...]) -> None:
    """No scheduler is there, so they leave with 2, as everywhere."""
    code, out, err = run("rules", *arguments)
    assert (code, out) == (2, "")
    assert err
