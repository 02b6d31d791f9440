"""Inventories as CSV: delimiters, titles, mappings, and what is refused."""

from pathlib import Path

import pytest

from axis_ntp_async.errors import InventoryError
from axis_ntp_async.inventory.inventory import Inventory, load_inventory


def load(folder: Path, text: str, columns: dict[str, str] | None = None) -> Inventory:
    """Load a text as CSV."""
    path = folder / "fleet.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return load_inventory(path, columns=columns)


def faults_of(folder: Path, text: str, columns: dict[str, str] | None = None) -> list[str]:
    """The faults of a text, without the path before them."""
    with pytest.raises(InventoryError) as caught:
        load(folder, text, columns)
    return [fault.partition("fleet.csv: ")[2] for fault in caught.value.faults]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_usual_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    """Members of all types stand in a table as text."""
    lines = (
        ("name", "HOST", "port", "serial", "groups", "legacy_tls", "label.model", "Rack"),
        ("lobby", "10.0.0.1", "8443", "ACCC8E012345", '"a;b"', "yes", "P3265-V", "7"),
    )
    text = "\r\n".join(delimiter.join(line) for line in lines)
    (device,) = load(tmp_path, text).devices
    assert (device.name, device.host, device.port) == ("lobby", "10.0.0.1", 8443)
    assert (device.serial, device.groups, device.legacy_tls) == ("ACCC8E012345", ("a", "b"), True)
    assert device.labels == {"model": "P3265-V", "Rack": "7"}


def test_titles_of_other_programs_are_known_the_best_one_first(tmp_path: Path) -> None:
    """A second title of the same member becomes a label."""
    (device,) = load(
        tmp_path,
        "Device name,Host name,IP address,MAC,Tags,Location,Labels\n"
        "Lobby,cam.example,10.0.0.1,AC:CC:8E:01:23:45,indoor|lab,Berlin,a=1; b=2;\n",
    ).devices
    assert (device.name, device.host, device.site) == ("Lobby", "10.0.0.1", "Berlin")
    assert (device.serial, device.groups) == ("ACCC8E012345", ("indoor", "lab"))
    assert device.labels == {"Host name": "cam.example", "a": "1", "b": "2"}


def test_columns_can_be_mapped(tmp_path: Path) -> None:
    """A mapped column wins over a known title, and letter case is of no importance."""
    (device,) = load(
        tmp_path,
        "IP;Management;Physical address;Type\n10.0.0.1;10.9.0.1;ACCC8E012345;P3265\n",
        {"host": "management", "serial": "physical address", "label.model": "Type"},
    ).devices
    assert (device.host, device.serial) == ("10.9.0.1", "ACCC8E012345")
    assert device.labels == {"IP": "10.0.0.1", "model": "P3265"}


def test_a_mapping_makes_csv_of_a_file_without_ending(tmp_path: Path) -> None:
    """Only CSV has columns to map."""
    path = tmp_path / "export.txt"
    path.write_text("Where\ncam\n")
    assert load_inventory(path, columns={"host": "Where"}).devices[0].host == "cam"
    with pytest.raises(InventoryError, match="in CSV only, and this is json"):
        load_inventory(path, columns={"host": "Where"}, format="json")


def test_the_line_of_a_spreadsheet_that_names_the_delimiter_is_understood(tmp_path: Path) -> None:
    """It counts as a line."""
    assert load(tmp_path, "SEP=;\r\nhost;name\r\ncam;a,b\r\n").devices[0].name == "a,b"
    assert faults_of(tmp_path, "sep=;\nhost\ncam\n10.0.0.300\n")[0].startswith("line 4: host")


def test_empty_cells_and_empty_lines_are_passed_over(tmp_path: Path) -> None:
    """What is not given has its default; a cell may run over several lines."""
    first, second = load(
        tmp_path, 'host,site,port,note\n\ncam-1,,,"two\nlines"\n , ,,\ncam-2,b,81,\n'
    ).devices
    assert (first.site, first.port, first.labels) == (None, 443, {"note": "two lines"})
    assert (second.site, second.port, second.labels) == ("b", 81, {})


def test_a_column_with_secrets_is_not_read(tmp_path: Path) -> None:
    """Exports of other programs may have one."""
    inventory = load(tmp_path, "host,Password,label.api_key\ncam,canary,canary\n")
    assert "canary" not in repr(inventory)
    assert [warning.partition("line 1: ")[2] for warning in inventory.warnings] == [
        "the column 'Password' sounds like a secret; it is not read",
        "the column 'label.api_key' sounds like a secret; it is not read",
    ]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("name,site\na,b\n", ["line 1: no column for 'host' among 'name, site'; map one"]),
        (
            "host,name\ncam\ncam,a,b\ncam,a\n",
            ["line 2: has 1 cells, but the header has 2 columns", "line 3: has 3 cells"],
        ),
        (
            'host,note\ncam,"two\nlines"\ncam2\n',
            ["line 4: has 1 cells, but the header has 2 columns"],
        ),
        ('host,name\ncam,"a\n', ["line 2: unexpected end of data; is a quote not closed?"]),
        ("host,\ncam,a\n", ["line 1: column 2 has no title"]),
        ("host,host\ncam,a\n", ["line 1: two columns give 'host'"]),
        ("host,prot\ncam,1\n", ["line 1: 'prot' is not a member; did you mean 'port'? (for a"]),
        ("host,label.\ncam,1\n", ["line 2: labels: a label has no name"]),
        ("host,port\ncam,x\n", ["line 2: port: 'x' is not a number from 1 to 65535"]),
        ("host\n", ["no devices in it (read as csv)"]),
        ("", ["no devices in it (read as csv)"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, faults: list[str]) -> None:
    """Lines are counted as an editor does, also after cells of several lines."""
    found = faults_of(tmp_path, text)
    assert len(found) == len(faults)
    for fault, expected in zip(found, faults, strict=True):
        assert fault.startswith(expected)


def test_a_wrong_mapping_is_told(tmp_path: Path) -> None:
    """All that is wrong with it, with the nearest word."""
    mapping = {"seriel": "MAC", "serial": "MAC adress", "site": "password"}
    assert faults_of(tmp_path, "host,MAC address,password\ncam,a,b\n", mapping) == [
        "mapping: 'seriel' is not a member of a device; did you mean 'serial'?",
        "line 1: no column 'MAC adress' for 'serial'; did you mean 'MAC address'?",
        "mapping: 'password' sounds like a secret; it is not read",
    ]
