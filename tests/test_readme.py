"""What the README says is so: its programs run, its commands exist, its tables are complete."""

import asyncio
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import click
import pytest

from axis_ntp_async import (
    Cause,
    Device,
    HistoryReader,
    NTPClientConfiguration,
    StepState,
    load_inventory,
    load_policy,
)
from axis_ntp_async.cli.commands import axis_ntp
from axis_ntp_async.cli.exits import ExitCode
from axis_ntp_async.cli.history_commands import TargetOrCommand
from axis_ntp_async.inventory.formats.reader import FORMATS
from axis_ntp_async.report.documents import FINDING_COLUMNS
from axis_ntp_async.simulator.fleets import make_fleet
from axis_ntp_async.simulator.serving.server import SimulatedFleet

README: Final = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PLACE: Final = 'host="10.0.4.17"'
SECRET: Final = "CAMERA_PASSWORD"


def blocks(language: str) -> list[str]:
    """Give the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def example(name: str) -> str:
    """Give the program below `<!-- example: name -->`."""
    found = re.search(
        rf"^<!-- example: {name} -->\n```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL
    )
    assert found, f"README.md has no example {name!r}"
    return found[1]


def commands() -> list[str]:
    """Give each `axis-ntp …` of the console blocks."""
    lines = [line for block in blocks("console") for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in re.split("&&|>", line)]
    return [part for part in parts if re.match(r"\S*axis-ntp ", part)]


def words_of_code(text: str) -> list[str]:
    """Give what stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


def rows(heading: str) -> list[list[str]]:
    """Give the cells of the first table below a heading, without its head."""
    below = README.split(f"{heading}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert table, f"README.md has no table below {heading!r}"
    lines = table[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[SimulatedFleet]:
    """Six cameras, with their inventory as `fleet.toml` in the working directory."""
    async with make_fleet(6, https_share=1.0) as fleet:
        fleet.write(tmp_path)
        yield fleet


async def run(program: str, folder: Path, **environment: str) -> str:
    """Run a program as somebody would who copied it into a file; give what it prints."""
    (folder / "program.py").write_text(program, encoding="utf-8")
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "program.py"],
        cwd=folder,
        env={"PATH": "", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


async def test_the_example_of_one_device_runs(fleet: SimulatedFleet, tmp_path: Path) -> None:
    """As written, but for the address: the simulated camera has another one, and a port."""
    program, [device, *_] = example("one-device"), fleet.devices
    assert program.count(PLACE) == 1
    assert program.count(f'os.environ["{SECRET}"]') == 1
    program = program.replace(PLACE, f'host="{device.host}", port={device.port}')
    username = re.search(r'Credentials\("(\w+)"', program)
    assert username
    fleet.cameras[0].username = username[1]
    printed = await run(program, tmp_path, **{SECRET: fleet.cameras[0].password})
    assert re.fullmatch(r"True -?[\d.e-]+ ms; -?[\d.e-]+ s against us\n", printed)


async def test_the_example_of_a_pool_runs(fleet: SimulatedFleet, tmp_path: Path) -> None:
    """As written, over the inventory that the simulator wrote: a line for each device."""
    printed = await run(example("pool"), tmp_path)
    assert sorted(printed.splitlines()) == sorted(f"{one.name} True" for one in fleet.cameras)


async def test_the_example_of_a_rollout_runs(fleet: SimulatedFleet, tmp_path: Path) -> None:
    """As written: every camera is changed, one line for each, and the journal is there."""
    wanted = '[policy]\nsource = "static"\nservers = ["10.0.0.5", "10.0.0.6"]\n'
    (tmp_path / "policy.toml").write_text(wanted, encoding="utf-8")
    printed = await run(example("rollout"), tmp_path)
    assert sorted(printed.splitlines()) == sorted(f"{one.name} applied" for one in fleet.cameras)
    assert {one.status.static_servers for one in fleet.cameras} == {("10.0.0.5", "10.0.0.6")}
    assert (tmp_path / "rollouts.db").stat().st_size


async def test_the_example_of_a_watch_runs(fleet: SimulatedFleet, tmp_path: Path) -> None:
    """As written, but for an end: a camera that dies is told, and the history is there."""
    program = example("watch")
    assert program.count("memory=memory)") == 1
    program = program.replace(
        "memory=memory)", "memory=memory, rules=WatchRules(interval_s=0.1), sweeps=2)"
    ).replace("    WatchMemory,\n", "    WatchMemory,\n    WatchRules,\n")
    fleet.cameras[0].configure(NTPClientConfiguration(enabled=False))
    name = fleet.cameras[0].name
    assert await run(program, tmp_path) == f"{name} critical its NTP client is switched off\n"
    assert HistoryReader(tmp_path / "history.db").verify().records == 6


def test_every_state_of_a_step_is_told() -> None:
    """The table names all in which a device can end, and no other."""
    told = [
        name for cells in rows("ends in exactly one state:") for name in words_of_code(cells[0])
    ]
    assert sorted(told) == sorted(state.value for state in StepState if state.is_over)


def test_the_inventory_is_read(tmp_path: Path) -> None:
    """The example of a fleet's file is one."""
    [text] = [block for block in blocks("toml") if "[[devices]]" in block]
    (tmp_path / "fleet.toml").write_text(text, encoding="utf-8")
    (tmp_path / "axis-root.pem").touch()
    inventory = load_inventory(tmp_path / "fleet.toml")
    assert inventory.warnings == ()
    assert [device.serial for device in inventory.devices] == ["ACCC8E012345"]
    assert inventory.devices[0].tls.startswith("axis-idevid:")


def test_the_policy_is_read(tmp_path: Path) -> None:
    """The example of a policy is one, and fits the example of a fleet."""
    [text] = [block for block in blocks("toml") if "[policy]" in block]
    (tmp_path / "policy.toml").write_text(text, encoding="utf-8")
    policy = load_policy(tmp_path / "policy.toml")
    berlin = Device(name="lobby-3", host="10.0.4.17", site="berlin")
    assert policy.configuration_for(berlin).static_servers == ("10.9.0.5",)
    assert policy.configuration_for(berlin).maxpoll == 10
    assert policy.faults_for([Device(name="roof", host="10.0.4.18")]) == ()


@pytest.mark.parametrize("line", commands())
def test_every_command_line_is_understood(line: str) -> None:
    """Commands, options and their values are those of the program; nothing is run."""
    command: click.Command = axis_ntp
    words = shlex.split(line, comments=True)[1:]
    while isinstance(command, click.Group):
        if isinstance(command, TargetOrCommand) and words[0] not in command.commands:
            words.insert(0, "show")
        assert words[0] in command.commands
        command = command.commands[words.pop(0)]
    assert "inventory" not in {one.name for one in command.params} or words
    command.make_context("axis-ntp", words, **axis_ntp.context_settings).close()


def test_there_are_command_lines() -> None:
    """The one above has something to look at."""
    assert len(commands()) >= 5


@pytest.mark.parametrize("name", dict.fromkeys(re.findall(r"`axis-ntp ([a-z]+)", README)))
def test_every_command_that_is_named_exists(name: str) -> None:
    """Also those in the running text."""
    assert name in axis_ntp.commands


def options_of(command: click.Command) -> set[str]:
    """Give the options of a command and of all below it."""
    below = command.commands.values() if isinstance(command, click.Group) else ()
    own = {text for one in command.params for text in one.opts if isinstance(one, click.Option)}
    return own.union(*map(options_of, below))


def test_every_option_that_is_named_exists() -> None:
    """Also those in the running text."""
    fences = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
    named = {
        option
        for code in words_of_code(fences.sub("", README))
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", code)
    }
    assert named
    assert named <= options_of(axis_ntp)


def test_every_format_is_told() -> None:
    """Those that `--format` takes, and no other."""
    below = README.split("else `--format`: ", 1)[1]
    assert tuple(words_of_code(below.split(".", 1)[0])) == FORMATS


def test_every_exit_code_is_told() -> None:
    """The table and the program name the same codes."""
    assert [int(cells[0]) for cells in rows("### Exit codes")] == list(ExitCode)


def test_every_member_of_a_finding_is_told() -> None:
    """A consumer finds each member in the table, and each cause."""
    table = rows("### Documents")
    told = [name for cells in table for name in words_of_code(cells[0])]
    assert sorted(told) == sorted({*FINDING_COLUMNS, "problems"} - {"schema"})
    [causes] = [words_of_code(cells[1]) for cells in table if cells[0] == "`cause`"]
    assert causes == [cause.value for cause in Cause]
