"""Files that are no inventory, or that somebody would like to hurt us with."""

import io
import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.errors import InventoryError
from axis_ntp_async.inventory.formats import content
from axis_ntp_async.inventory.formats.reader import FORMATS, read_draft
from axis_ntp_async.inventory.inventory import load_inventory


def fault_of(path: str | Path, **options: object) -> str:
    """The only fault of a file."""
    with pytest.raises(InventoryError) as caught:
        load_inventory(path, **options)  # type: ignore[arg-type]
    (fault,) = caught.value.faults
    assert fault == str(caught.value)
    return fault


def test_a_missing_file_a_folder_and_no_path_are_faults(tmp_path: Path) -> None:
    """Each with the fix, and with the path."""
    assert fault_of(tmp_path / "no.toml") == f"{tmp_path / 'no.toml'}: there is no such file"
    assert "is a folder; name the file in it" in fault_of(tmp_path)
    assert "cannot be read" in fault_of("a\0b")
    assert "cannot be read" in fault_of("a" * 5000)


def test_a_file_that_may_not_be_read_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulated, since an administrator may read everything."""

    def refuse(*_: object) -> io.BytesIO:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "you may not read it" in fault_of(tmp_path / "fleet.toml")


def test_an_endless_file_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is a limit in bytes."""
    monkeypatch.setattr(content, "MOST_BYTES", 1 << 20)
    path = tmp_path / "fleet.list"
    path.write_bytes(b"#" * ((1 << 20) + 1))
    assert "more than 1 MiB" in fault_of(path)


def test_standard_input_is_read_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The format is told by the content; an embedder may give a stream of his own."""
    inventory = load_inventory("-", stdin=io.BytesIO(b"10.0.0.1\n10.0.0.2 lobby\n"))
    assert inventory.source == "standard input"
    assert [device.name for device in inventory.devices] == ["10.0.0.1", "lobby"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert fault_of("-") == "standard input: no devices in it (read as list)"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x7fELF\x02\x01\x00\x00\xff\xfe", "is not UTF-8; is it a binary file?"),
        (b"10.0.0.1\n10.0.0.2\0\n", "line 2: has a NUL character"),
        ("10.0.0.1\n".encode("utf-16-le"), "has a NUL character"),
        ("10.0.0.1\n".encode("utf-16")[:-1], "is not UTF-16-LE"),
        (b"host\ncam\n\x81\xff\n", "line 3: the byte 0x81 is neither UTF-8 nor Windows-1252"),
        (b"   \n\n", "no devices in it"),
        (b"a" * 1_000_000, "host: has 1000000 characters"),
        (b"host\n" + b"a" * 1_000_000, "field larger than field limit"),
        (b"#" * 1_000_000, "no devices in it"),
    ],
)
def test_what_is_no_text_is_a_fault(tmp_path: Path, content: bytes, said: str) -> None:
    """The line of the first wrong byte is named."""
    path = tmp_path / "fleet"
    path.write_bytes(content)
    fault = fault_of(path)
    assert said in fault.replace("host: has 1000000 characters, at most 1000", said)
    assert len(fault) < 500


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_understood(tmp_path: Path, mark: str) -> None:
    """Windows editors write them."""
    path = tmp_path / "fleet.csv"
    path.write_bytes("host,site\ncam,Köln\n".encode(mark))
    (device,) = load_inventory(path).devices
    assert device.site == "Köln"


def test_a_big_endian_mark_is_understood(tmp_path: Path) -> None:
    """It is rarer, but it exists."""
    path = tmp_path / "fleet.csv"
    path.write_bytes(b"\xfe\xff" + "host\ncam\n".encode("utf-16-be"))
    assert load_inventory(path).devices[0].host == "cam"


def test_windows_text_is_read_with_a_warning_but_not_where_utf8_is_the_rule(
    tmp_path: Path,
) -> None:
    """Spreadsheets still write it; TOML and JSON never do."""
    path = tmp_path / "fleet.csv"
    path.write_bytes("host,site\ncam,Köln\n".encode("cp1252"))
    inventory = load_inventory(path)
    assert inventory.devices[0].site == "Köln"
    assert inventory.warnings == (
        f"{path}: line 2: the byte 0xF6 is not UTF-8; read as Windows-1252",
    )
    assert "toml is always UTF-8, save it so" in fault_of(path, format="toml")


@pytest.mark.parametrize("format_", FORMATS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.one_of(
        st.binary(max_size=80),
        st.text(alphabet="[]{}:=,;|\"'#@!-_ \n\tabhostdevices019.é\u2028\x07", max_size=80).map(
            str.encode
        ),
    )
)
def test_no_content_raises_anything_but_an_inventory_error(format_: str, content: bytes) -> None:
    """Whatever stands in a file, it is read or refused in our own words."""
    try:
        draft = read_draft("fleet", content, format_, {})
    except InventoryError as error:
        assert error.faults  # noqa: PT017  either way is right
    else:
        assert draft.entries or draft.faults


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fleet.json", "[" * 100_000),
        ("fleet.toml", "a = " + "[" * 100_000),
        ("fleet.jsonl", '{"a":' * 100_000),
        ("fleet.json", '[{"port": ' + "1" * 10_000 + "}]"),
    ],
)
def test_deep_nesting_and_long_numbers_are_faults(tmp_path: Path, name: str, text: str) -> None:
    """They end in a sentence, not in a RecursionError."""
    path = tmp_path / name
    path.write_text(text)
    assert "too large a number or nested too deeply" in fault_of(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_process_substitution_works(tmp_path: Path) -> None:
    """`<(command)` of a shell is a pipe, not a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("10.0.0.1\n",), daemon=True)
    writer.start()
    assert load_inventory(pipe).devices[0].host == "10.0.0.1"
    writer.join(5)
