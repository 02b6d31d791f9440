"""`watch`: sweep after sweep, and who is told."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axis_ntp_async.health.history.reading import HistoryReader
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.faults import Kind
from axis_ntp_async.simulator.model.world import World

Make = Callable[..., Camera]
Start = Callable[..., subprocess.Popen[str]]
QUICK = ("--timeout", 1, "--attempts", 1)


@pytest.fixture
def inventory(serve: Callable[..., Path], make_camera: Make) -> Path:
    """Five devices that are well, and one that never answers."""
    well = [make_camera(f"lobby-{number}", site="berlin") for number in range(5)]
    return serve(make_camera("mute", faults=Kind.REFUSED, site="berlin"), *well)


def sweeps_of(process: subprocess.Popen[str], count: int) -> list[dict[str, Any]]:
    """Read what it tells until so many sweeps have ended."""
    lines: list[dict[str, Any]] = []
    while sum("sweep" in line for line in lines) < count:
        assert process.stdout
        text = process.stdout.readline()
        assert text, process.stderr and process.stderr.read()
        lines.append(json.loads(text))
    return lines


def address_of(process: subprocess.Popen[str]) -> str:
    """Read where it serves."""
    assert process.stderr
    for line in process.stderr:
        if "http://" in line:
            return line.partition("http://")[2].strip().rstrip("/")
    raise AssertionError("it does not serve")


def ask(address: str, path: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://{address}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_single_sweep_leaves_as_sweep_does(
    run: Callable[..., Any], inventory: Path, home: Path
) -> None:
    """For cron: 1 when a device cannot be read; findings and what is known are kept."""
    ran = run("watch", inventory, "--once", *QUICK)
    [summary] = ran.lines
    assert ran.code == 1
    assert (summary["devices"], summary["states"]) == (6, {"ok": 5, "unknown": 1})
    assert summary["is_complete"]
    reader = HistoryReader(home / "axis-ntp" / "history.db")
    assert len(reader.names()) == 6
    assert reader.verify().is_sound


def test_a_state_counts_over_two_runs_of_cron(run: Callable[..., Any], inventory: Path) -> None:
    """What one process has seen, the next one remembers; the third has nothing new to tell."""
    told = [
        [line["device"] for line in run("watch", inventory, "--once", *QUICK).lines[:-1]]
        for _ in range(3)
    ]
    assert told == [[], ["mute"], []]


def test_it_goes_on_until_it_is_stopped(start: Start, inventory: Path) -> None:
    """SIGTERM is the usual way to end it, so it leaves with 0."""
    process = start("watch", inventory, "--interval", 0.5, *QUICK)
    lines = sweeps_of(process, 3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert [line["sweep"] for line in lines if "sweep" in line] == [1, 2, 3]
    [change] = [line for line in lines if "device" in line]
    assert (change["device"], change["before"], change["after"]) == ("mute", None, "unknown")
    assert process.stderr
    told = process.stderr.read()
    assert "watching 6 devices, every 0.5 s" in told
    assert "Traceback" not in told


def test_people_get_lines(in_a_terminal: Callable[..., tuple[int, str]], inventory: Path) -> None:
    """One for each sweep, and one for each change, above all else what many have in common."""
    code, shown = in_a_terminal(
        "watch", inventory, "--interval", 0.5, *QUICK, stop_at="sweep 3:", columns=160
    )
    assert code == 0
    assert "sweep 1: 6 devices in" in shown
    assert "5 ok" in shown
    assert "mute (berlin) is unknown: 127.10." in shown


def test_everything_is_served(start: Start, inventory: Path) -> None:
    """Metrics, one live look, discovery, health, and the page."""
    process = start(
        "watch", inventory, "--interval", 30, "--listen", "127.0.0.1:0", "--per-device", *QUICK
    )
    address = address_of(process)
    sweeps_of(process, 1)
    status, metrics = ask(address, "/metrics")
    assert status == 200
    assert 'axis_ntp_sweep_devices{site="berlin",state="ok"} 5.0' in metrics
    assert 'axis_ntp_up{device="lobby-1",site="berlin"} 1.0' in metrics
    assert "probe_success 1.0" in ask(address, "/probe?target=lobby-2")[1]
    assert "probe_success 0.0" in ask(address, "/probe?target=mute")[1]
    assert ask(address, "/probe?target=127.0.0.1")[0] == 404
    assert len(json.loads(ask(address, "/sd?site=berlin")[1])) == 6
    assert json.loads(ask(address, "/healthz")[1])["status"] == "ok"
    assert "lobby-1" in ask(address, "/")[1]
    assert ask(address, "/metrics", Host="evil.example")[0] == 421


def test_others_need_a_token(
    start: Start, run: Callable[..., Any], inventory: Path, tmp_path: Path
) -> None:
    """Without one it does not listen to the network; with one it asks for it."""
    ran = run("watch", inventory, "--listen", "0.0.0.0:0")
    assert ran.code == 2
    assert "name a token with --token-from" in ran.err

    secret = tmp_path / "token"
    secret.touch(mode=0o600)
    secret.write_text("0123456789abcdef-token\n", encoding="utf-8")
    process = start(
        *("watch", inventory, "--interval", 30, "--listen", "127.0.0.1:0"),
        *("--token-from", f"file:{secret}", *QUICK),
    )
    address = address_of(process)
    sweeps_of(process, 1)
    assert ask(address, "/metrics")[0] == 401
    authorization = "Bearer 0123456789abcdef-token"
    assert ask(address, "/metrics", Authorization=authorization)[0] == 200


def test_a_command_is_told(run: Callable[..., Any], inventory: Path, tmp_path: Path) -> None:
    """It gets what has changed as JSON; at the end nothing is left untold."""
    script = tmp_path / "notify.py"
    script.write_text(
        f"import sys; open({str(tmp_path / 'told')!r}, 'a').write(sys.stdin.read() + '\\n')",
        encoding="utf-8",
    )
    for _ in range(3):
        run("watch", inventory, "--once", *QUICK, "--notify-command", f"{sys.executable} {script}")
    [notice] = map(json.loads, (tmp_path / "told").read_text(encoding="utf-8").splitlines())
    assert [change["device"] for change in notice["changes"]] == ["mute"]
    assert "now 5 of 6 devices are ok" in notice["text"]


def test_metrics_are_written_for_node_exporter(
    run: Callable[..., Any], inventory: Path, tmp_path: Path
) -> None:
    """After the sweep, whole or not at all."""
    target = tmp_path / "axis.prom"
    run("watch", inventory, "--once", *QUICK, "--textfile", target)
    assert 'axis_ntp_up{device="mute",site="berlin"} 0.0' in target.read_text(encoding="utf-8")


def test_an_edited_inventory_is_read_anew(start: Start, inventory: Path) -> None:
    """A device fewer from the next sweep on; while the file is broken, the old one is kept."""
    text = inventory.read_text(encoding="utf-8")
    process = start("watch", inventory, "--interval", 1, *QUICK)
    sweeps_of(process, 1)
    inventory.write_text("this is [ no TOML", encoding="utf-8")
    sweeps_of(process, 2)
    entries = text.split("[[devices]]")
    inventory.write_text("[[devices]]".join(entries[:-1]), encoding="utf-8")
    lines = sweeps_of(process, 3)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    counts = [line["devices"] for line in lines if "sweep" in line]
    assert counts[-1] == 5
    assert process.stderr
    assert "Traceback" not in process.stderr.read()


def test_one_process_writes_a_history(
    start: Start, run: Callable[..., Any], inventory: Path
) -> None:
    """The second one is told who is at it, and what to do."""
    process = start("watch", inventory, "--interval", 30, *QUICK)
    sweeps_of(process, 1)
    ran = run("watch", inventory, "--once", *QUICK)
    assert ran.code == 5
    assert "is in use by" in ran.err
    assert str(process.pid) in ran.err
    assert run("watch", inventory, "--once", *QUICK, "--history", "other.db").code == 1


def test_killed_at_any_moment_nothing_is_broken(
    start: Start, run: Callable[..., Any], inventory: Path, home: Path
) -> None:
    """What was found before is there, the chain holds, and the next one goes on."""
    process = start("watch", inventory, "--interval", 0.5, *QUICK)
    sweeps_of(process, 3)
    process.kill()
    process.wait(30)
    reader = HistoryReader(home / "axis-ntp" / "history.db")
    assert reader.verify().is_sound
    before = len(reader.sweeps())
    assert before >= 2
    assert run("watch", inventory, "--once", *QUICK).code == 1
    assert len(reader.sweeps()) == before + 1
    assert reader.verify().is_sound


def test_a_closed_pipe_ends_it(inventory: Path) -> None:
    """Whoever reads has seen enough, and no traceback says so."""
    command = [sys.executable, "-m", "axis_ntp_async", "watch", str(inventory)]
    with subprocess.Popen(
        [*command, "--interval", "0.3", "--timeout", "1", "--attempts", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(30) == 141
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--listen", "nonsense"], "--listen 'nonsense': expected HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "expected HOST:PORT"),
        (["--token-from", "env:NO_SUCH"], "--token-from: the environment variable 'NO_SUCH'"),
        (["--token-from", "env:SHORT"], "at least 16 characters"),
        (["--token-from", "s3cret"], "--token-from: is no reference"),
        (["--webhook", "env:NO_SUCH"], "--webhook: the environment variable"),
        (["--webhook", "env:SHORT"], "--webhook: what it names is no URL"),
        (["--webhook", "nonsense"], "--webhook: expected a URL, or a reference"),
        (["--webhook", "http://"], "--webhook: what it names is no URL"),
        (["--webhook-header", "X=env:SHORT"], "there is no --webhook"),
        (["--webhook", "http://127.0.0.1:1/", "--webhook-header", "X"], "NAME=REFERENCE"),
        (["--webhook", "http://127.0.0.1:1/", "--webhook-header", "X Y=env:SHORT"], "NAME=REFER"),
        (["--webhook", "http://127.0.0.1:1/", "--webhook-header", "X=env:BROKEN"], "control"),
        (["--notify-command", "'"], "--notify-command: is empty"),
        (["--notify-command", " "], "--notify-command: is empty"),
        (["--notify-command", "/nowhere/notify"], "'/nowhere/notify' is no program"),
        (["--notify-test"], "--notify-test: there is no --webhook"),
        (["--textfile", "nowhere/a.prom"], "--textfile nowhere/a.prom: there is no folder"),
        (["--interval", "0"], "--interval"),
    ],
)
def test_wrong_options_are_told_before_anything_begins(
    run: Callable[..., Any],
    inventory: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    message: str,
) -> None:
    """Each names itself, and no secret is repeated."""
    monkeypatch.setenv("SHORT", "s3cret")
    monkeypatch.setenv("BROKEN", "s3cret\n")
    ran = run("watch", inventory, "--once", *options)
    assert ran.code == 2
    assert message in ran.err
    assert "s3cret" not in ran.err
    assert ran.out == ""


def test_a_secret_on_its_way_in_the_clear_is_told(
    run: Callable[..., Any], inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where others are between; the watch goes on."""
    monkeypatch.setenv("HOOK", "s3cret")
    for url, is_told in (("http://192.0.2.1:1/", True), ("http://127.0.0.1:1/", False)):
        hook = ("--webhook", url, "--webhook-header", "X=env:HOOK")
        ran = run("watch", inventory, "--once", *QUICK, *hook)
        assert ("http:// sends the secret" in ran.err) is is_told
        assert "s3cret" not in ran.err


def test_a_port_that_is_taken_is_told(
    start: Start, run: Callable[..., Any], inventory: Path
) -> None:
    """In the words of the option."""
    process = start("watch", inventory, "--interval", 30, "--listen", "127.0.0.1:0", *QUICK)
    address = address_of(process)
    ran = run("watch", inventory, "--once", *QUICK, "--listen", address, "--history", "other.db")
    assert ran.code == 2
    assert f"--listen {address}" in ran.err


def test_a_dead_webhook_stops_nothing(
    run: Callable[..., Any], inventory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, and the sweep counts all the same; its URL may be a secret."""
    for _ in range(2):
        ran = run("watch", inventory, "--once", *QUICK, "--webhook", "http://127.0.0.1:1/s3cret")
    assert ran.lines[-1]["devices"] == 6
    assert "webhook at 127.0.0.1:1: cannot be reached" in caplog.text
    assert "s3cret" not in caplog.text


def test_an_alarm_of_cron_is_not_lost(
    run: Callable[..., Any], inventory: Path, tmp_path: Path
) -> None:
    """The chat server was down when a camera died; the next run tells it."""
    script = tmp_path / "notify.py"
    command = ("--notify-command", f"{sys.executable} {script}")
    script.write_text("raise SystemExit(1)", encoding="utf-8")
    for _ in range(2):
        run("watch", inventory, "--once", *QUICK, *command)
    script.write_text(
        f"import sys; open({str(tmp_path / 'told')!r}, 'a').write(sys.stdin.read() + '\\n')",
        encoding="utf-8",
    )
    for _ in range(2):
        run("watch", inventory, "--once", *QUICK, *command)
    [notice] = map(json.loads, (tmp_path / "told").read_text(encoding="utf-8").splitlines())
    assert [change["device"] for change in notice["changes"]] == ["mute"]


def test_an_alarm_outlives_a_killed_process(
    start: Start, run: Callable[..., Any], inventory: Path, tmp_path: Path
) -> None:
    """Nobody was told before the power went; the next one tells it, in spite of one by hand."""
    script = tmp_path / "notify.py"
    command = ("--notify-command", f"{sys.executable} {script}")
    script.write_text("raise SystemExit(1)", encoding="utf-8")
    process = start("watch", inventory, "--interval", 0.5, *QUICK, *command)
    sweeps_of(process, 3)
    process.kill()
    process.wait(30)
    run("watch", inventory, "--once", *QUICK)
    script.write_text(
        f"import sys; open({str(tmp_path / 'told')!r}, 'a').write(sys.stdin.read() + '\\n')",
        encoding="utf-8",
    )
    run("watch", inventory, "--once", *QUICK, *command)
    notices = map(json.loads, (tmp_path / "told").read_text(encoding="utf-8").splitlines())
    assert [one["device"] for notice in notices for one in notice["changes"]] == ["mute"]


def test_a_program_is_not_taken_from_the_folder(run: Callable[..., Any], inventory: Path) -> None:
    """Whoever can write a file there could have it run otherwise."""
    Path("axis-ntp.toml").write_text('notify-command = "touch owned"\n', encoding="utf-8")
    ran = run("watch", inventory, "--once", *QUICK)
    assert ran.code == 2
    assert "notify-command" in ran.err


def test_a_device_that_was_just_changed_has_time(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    world: World,
    apply: Callable[..., Any],
) -> None:
    """The journal tells the watch of it: not in sync is a warning, not critical."""
    for server in ("10.9.0.1", "10.9.0.2"):
        world.server(server).dies()
    path = serve(make_camera("cam", falls_back=True))
    first = run("watch", path, "--once", *QUICK)
    assert first.lines[-1]["states"] == {"ok": 1}
    history = Path(os.environ["XDG_STATE_HOME"], "axis-ntp", "history.db")
    history.unlink()
    assert apply(path).code == 0
    assert run("watch", path, "--once", *QUICK).lines[-1]["states"] == {"warning": 1}


def test_a_damaged_memory_begins_anew(
    run: Callable[..., Any], inventory: Path, home: Path
) -> None:
    """What was found stays; only what is known of the devices begins anew, and that is told."""
    run("watch", inventory, "--once", *QUICK)
    with sqlite3.connect(home / "axis-ntp" / "history.db") as connection:
        connection.execute(
            "INSERT INTO memory VALUES (CAST('undelivered webhook at chat:443' AS BLOB), '')"
        )
        connection.execute("UPDATE memory SET value = CAST('{' AS BLOB)")
    connection.close()
    ran = run("watch", inventory, "--once", *QUICK)
    assert "begins anew" in ran.err
    assert "webhook at chat:443 is damaged: these notices are lost" in ran.err
    assert ran.lines[-1]["devices"] == 6
    assert "begins anew" not in run("watch", inventory, "--once", *QUICK).err


def test_a_policy_is_compared(run: Callable[..., Any], inventory: Path, policy: str) -> None:
    """As a sweep does."""
    ran = run("watch", inventory, "--once", *QUICK, "--policy", policy)
    assert ran.lines[-1]["causes"] == {"drift": 5, "unreachable": 1}


@pytest.fixture
def slow_inventory(serve: Callable[..., Path], make_camera: Make) -> Path:
    return serve(*(make_camera(f"slow-{place}", latency_s=0.3) for place in range(30)))


def test_a_sweep_that_is_stopped_is_told(start: Start, slow_inventory: Path) -> None:
    """It is no complete one, and nothing is concluded from it."""
    process = start("watch", slow_inventory, "--interval", 60, "--concurrency", 2, *QUICK)
    assert process.stderr
    assert "watching 30 devices" in process.stderr.readline()
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    assert process.stdout
    [summary] = [json.loads(line) for line in process.stdout]
    assert process.wait(30) == 0
    assert not summary["is_complete"]
    assert summary["devices"] < 30


def test_a_damaged_journal_stops_no_watch(
    run: Callable[..., Any], inventory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told; without it devices have no time to settle after a change, and no more."""
    Path("rollouts.db").write_text("no journal", encoding="utf-8")
    ran = run("watch", inventory, "--once", *QUICK, "--journal", "rollouts.db")
    assert "rollouts.db" in caplog.text
    assert "goes on without" in caplog.text
    assert ran.lines[-1]["devices"] == 6


def test_a_rollout_that_waits_is_in_the_metrics(
    run: Callable[..., Any],
    serve: Callable[..., Path],
    make_camera: Make,
    apply: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """Its steps are counted by wave and state, until it is over."""
    path = serve(*(make_camera(f"cam-{place}", faults=Kind.WRITE_REFUSED) for place in range(4)))
    target = tmp_path / "axis.prom"

    def shown() -> bool:
        run("watch", path, "--once", *QUICK, "--textfile", target)
        return "axis_ntp_rollout_devices{" in target.read_text(encoding="utf-8")

    assert apply(path).code == 3
    assert shown()
    assert run("rollout", "abort", "latest").code == 0
    assert not shown()


def test_a_new_password_in_its_file_is_used(start: Start, inventory: Path) -> None:
    """Nobody has to touch the inventory for it."""
    secret = inventory.parent / "fleet.password"
    text = secret.read_text(encoding="utf-8")
    secret.write_text("wrong", encoding="utf-8")
    process = start("watch", inventory, "--interval", 1, *QUICK)
    assert sweeps_of(process, 1)[-1]["states"].get("ok", 0) == 0
    secret.write_text(text, encoding="utf-8")
    lines = sweeps_of(process, 3)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    assert lines[-1]["states"]["ok"] == 5


def test_a_textfile_on_a_full_disk_ends_no_watch(start: Start, inventory: Path) -> None:
    """It is told once, and when it can be written again."""
    folder = inventory.parent / "metrics"
    folder.mkdir()
    process = start(
        *("watch", inventory, "--interval", 0.5, *QUICK, "--textfile", folder / "axis.prom")
    )
    sweeps_of(process, 1)
    shutil.rmtree(folder)
    sweeps_of(process, 4)
    folder.mkdir()
    sweeps_of(process, 3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert process.stderr
    told = [line for line in process.stderr if "--textfile" in line]
    assert ["cannot be written there" in line for line in told] == [True, False]
    assert "can be written again" in told[1]


def test_few_devices_do_not_take_the_others_for_gone(
    run: Callable[..., Any], inventory: Path, home: Path
) -> None:
    """Somebody looks at one camera with the history of the fleet; that forgets nobody."""
    run("watch", inventory, "--once", *QUICK)
    ran = run("watch", inventory, "--once", *QUICK, "--limit", "lobby-1")
    assert ran.code == 2
    assert "knows 6 devices, of which 5 are not watched this time" in ran.err
    assert "--history FILE" in ran.err
    reader = HistoryReader(home / "axis-ntp" / "history.db")
    assert len(reader.sweeps()) == 1
    own = ("--limit", "lobby-1", "--history", "own.db")
    assert run("watch", inventory, "--once", *QUICK, *own).code == 0
    assert run("watch", inventory, "--once", *QUICK, *own).code == 0
    ran = run("watch", inventory, "--once", *QUICK, "--limit", "lobby-1", "--forget-others")
    assert ran.code == 0
    [record, *_] = [one for one in reader.timeline("mute") if one.has_left]
    assert record.device == "mute"


def test_another_inventory_does_not_take_all_for_gone(
    run: Callable[..., Any], inventory: Path
) -> None:
    """A second customer's list, or one that was cut off while nothing ran."""
    run("watch", inventory, "--once", *QUICK)
    text = inventory.read_text(encoding="utf-8")
    head, *entries = text.split("[[devices]]")
    inventory.write_text("[[devices]]".join([head, *entries[:2]]), encoding="utf-8")
    ran = run("watch", inventory, "--once", *QUICK)
    assert ran.code == 2
    assert "4 are not watched this time" in ran.err
    inventory.write_text("[[devices]]".join([head, *entries[:4]]), encoding="utf-8")
    assert run("watch", inventory, "--once", *QUICK).lines[-1]["devices"] == 4


def test_whether_notices_get_through_can_be_tested(
    run: Callable[..., Any], inventory: Path, tmp_path: Path
) -> None:
    """Before the night in which one has to; no device is asked for it."""
    script = tmp_path / "notify.py"
    script.write_text(
        f"import sys; open({str(tmp_path / 'told')!r}, 'a').write(sys.stdin.read())",
        encoding="utf-8",
    )
    command = ("--notify-command", f"{sys.executable} {script}")
    ran = run("watch", inventory, "--notify-test", *command)
    assert (ran.code, ran.out) == (0, "")
    assert "delivered: command" in ran.err
    notice = json.loads((tmp_path / "told").read_text(encoding="utf-8"))
    assert notice["text"] == "this is a test of axis-ntp: notices get through"
    ran = run("watch", inventory, "--notify-test", *command, "--webhook", "http://127.0.0.1:1/")
    assert ran.code == 1
    assert "not delivered: webhook at 127.0.0.1:1: cannot be reached" in ran.err


def test_an_edited_policy_is_told_in_a_line(start: Start, inventory: Path) -> None:
    """All devices differ from it now: that is one thing to tell. A broken one is named."""
    path = inventory.parent / "site.toml"
    path.write_text("[policy]\nenabled = true\n", encoding="utf-8")
    options = ("--interval", 0.5, *QUICK, "--policy", path, "-o", "table")
    process = start("watch", inventory, *options, env={**os.environ, "COLUMNS": "200"})
    _until(process, "sweep 2:")
    path.write_text("[policy]\nservers = ['10.9.0.7', '10.9.0.8']\n", encoding="utf-8")
    told = _until(process, "drift: lobby")
    assert "5 devices of berlin are warning, drift: lobby-0, lobby-1" in told[-1]
    path.write_text("this is [ no TOML", encoding="utf-8")
    _until(process, "the policy cannot be read, all stays as it was")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert process.stderr
    assert "was read anew" in process.stderr.read()


def _until(process: subprocess.Popen[str], text: str) -> list[str]:
    """Read lines until one has this text; there are only so many sweeps to wait for."""
    assert process.stdout
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return lines
        assert len(lines) < 30, lines
    raise AssertionError(f"{text!r} was not told: {lines}")
