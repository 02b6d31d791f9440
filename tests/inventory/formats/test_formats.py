"""JSON, lists, the guess of a format, and writing each of them back."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.device.records import Device
from axis_ntp_async.errors import InventoryError
from axis_ntp_async.inventory.formats.members import READERS, is_secret
from axis_ntp_async.inventory.formats.reader import guess_format
from axis_ntp_async.inventory.inventory import Inventory, load_inventory
from axis_ntp_async.inventory.references import CredentialReference
from axis_ntp_async.inventory.writing import dump_csv, dump_jsonl, dump_toml


def load(folder: Path, text: str, name: str) -> Inventory:
    """Load a text under a name."""
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return load_inventory(path)


def faults_of(folder: Path, text: str, name: str) -> list[str]:
    """The faults of a text, without the path before them."""
    with pytest.raises(InventoryError) as caught:
        load(folder, text, name)
    return [fault.partition(f"{name}: ")[2] for fault in caught.value.faults]


def test_every_member_of_a_device_can_be_read() -> None:
    """A new one in `Device` is not forgotten here."""
    assert set(READERS) == {one.name for one in Device.__attrs_attrs__}


def test_json_may_be_a_list_or_shaped_like_the_toml(tmp_path: Path) -> None:
    """Both mean the same."""
    devices = [{"host": "cam", "label.rack": 7, "labels": {"model": "P"}}, "10.0.0.1:81"]
    listed = load(tmp_path, json.dumps(devices), "fleet.json")
    shaped = load(tmp_path, json.dumps({"devices": devices, "defaults": {}}), "fleet.json")
    assert listed.devices == shaped.devices
    assert listed.devices[0].labels == {"model": "P", "rack": "7"}


@pytest.mark.parametrize(
    ("name", "text", "faults"),
    [
        ("fleet.json", "7", ["is neither a list of devices nor an object with 'devices'"]),
        ("fleet.json", "[", ["is not JSON: Expecting value (line 1, column 2)"]),
        (
            "fleet.json",
            '[{"host": "a", "host": "b"}]',
            ["is not JSON: the member 'host' stands twice in one object"],
        ),
        ("fleet.json", '[{"host": "a", "port": true}]', ["device 1: port: True is not text"]),
        (
            "fleet.jsonl",
            '{"host": "a"}\n\n[]\n{"host"\n{"hst": 1}\n',
            [
                "line 3: is no JSON object",
                "line 4: is not JSON: Expecting ':' delimiter (line 1, column 8)",
                "line 5: 'hst': is not a member of a device; did you mean 'host'?",
                "line 5: host: is missing",
            ],
        ),
        ("fleet.list", "a b c\nd\n", ["line 1: has 3 words; expected an address"]),
    ],
)
def test_faults_of_json_and_lists_name_the_line_or_the_device(
    tmp_path: Path, name: str, text: str, faults: list[str]
) -> None:
    """All of them at once."""
    found = faults_of(tmp_path, text, name)
    assert len(found) == len(faults)
    for fault, expected in zip(found, faults, strict=True):
        assert fault.startswith(expected)


def test_a_list_has_addresses_comments_and_names(tmp_path: Path) -> None:
    """A `#` within a word begins no comment."""
    devices = load(
        tmp_path, "# lobby\n10.0.0.1  lobby-1 # left\n\n[2001:db8::1]:81\n10.0.0.2 lobby#2\n", "x"
    ).devices
    assert [(one.name, one.host, one.port) for one in devices] == [
        ("lobby-1", "10.0.0.1", 443),
        ("[2001:db8::1]:81", "2001:db8::1", 81),
        ("lobby#2", "10.0.0.2", 443),
    ]


@pytest.mark.parametrize(
    ("text", "format_"),
    [
        ('[{"host": "cam"}]', "json"),
        ("[]", "json"),
        ('{\n "devices": []}', "json"),
        ('{"devices": []}', "json"),
        ('{"host": "cam"}', "jsonl"),
        ('{"host": "cam"}\n{"host": "cam2"}', "jsonl"),
        ("# fleet\n[[devices]]\nhost = 'cam'", "toml"),
        ("[sites.berlin]\n", "toml"),
        ("devices = []", "toml"),
        ("name;host\n", "csv"),
        ("host\ncam", "csv"),
        ("; cameras\n[cams]\ncam", "ansible-ini"),
        ("[cams:vars]\na=b", "ansible-ini"),
        ("cam ansible_host=10.0.0.1", "ansible-ini"),
        ("---\nall:\n", "ansible-yaml"),
        ("all:\n  hosts:", "ansible-yaml"),
        ("[2001:db8::1]:81", "list"),
        ("10.0.0.1 lobby", "list"),
        ("", "list"),
    ],
)
def test_the_content_tells_the_format(text: str, format_: str) -> None:
    """Where the ending says nothing."""
    assert guess_format(text) == format_


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    """With the nearest one."""
    (tmp_path / "fleet").write_text("cam")
    with pytest.raises(InventoryError, match=r"none of toml, .* did you mean 'jsonl'"):
        load_inventory(tmp_path / "fleet", format="jsonlines")


WORD = st.text(
    st.characters(exclude_categories=("C", "Z"), exclude_characters=";,|"), min_size=1, max_size=8
)


def numbered(number: int, members: dict[str, Any]) -> Device:
    """A device whose name and serial are no other's."""
    return Device(**members, name=f"cam {number} é\"'=", serial=f"ACCC8E{number:06X}")


DEVICES: st.SearchStrategy[tuple[Device, ...]] = st.lists(
    st.fixed_dictionaries(
        {
            "host": st.from_regex(r"[a-z][a-z0-9\-]{0,8}", fullmatch=True)
            | st.just("2001:db8::1"),
            "port": st.integers(1, 65535),
            "scheme": st.sampled_from(["https", "http"]),
            "site": st.none() | WORD,
            "groups": st.lists(WORD, max_size=3, unique=True),
            "labels": st.dictionaries(
                WORD.filter(lambda one: not is_secret(one)), WORD, max_size=3
            ),
            "credentials": st.none() | WORD,
            "tls": st.sampled_from(["verify", "tofu", "insecure", "pin:" + "ab" * 32]),
            "legacy_tls": st.booleans(),
            "plaintext_basic": st.booleans(),
        }
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda members: members["host"],
).map(lambda many: tuple(map(numbered, range(len(many)), many)))
ROUND_TRIP = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@ROUND_TRIP
@given(devices=DEVICES)
def test_csv_that_we_write_is_read_back_as_it_was(
    devices: tuple[Device, ...], tmp_path: Path
) -> None:
    """Nothing is lost on the way."""
    assert load(tmp_path, dump_csv(devices), "fleet.csv").devices == devices


@ROUND_TRIP
@given(devices=DEVICES)
def test_json_lines_that_we_write_are_read_back_as_they_were(
    devices: tuple[Device, ...], tmp_path: Path
) -> None:
    """Nothing is lost on the way."""
    assert load(tmp_path, dump_jsonl(devices), "fleet.jsonl").devices == devices


@ROUND_TRIP
@given(devices=DEVICES, name=WORD)
def test_toml_that_we_write_is_read_back_as_it_was(
    devices: tuple[Device, ...], name: str, tmp_path: Path
) -> None:
    """Credentials too, as the references they are."""
    credentials = {
        name: CredentialReference(name=name, username='a"\\b', password="env:SECRET"),
        "b.c": CredentialReference(name="b.c", password="exec:tool --of 'a b'"),
    }
    inventory = load(tmp_path, dump_toml(devices, credentials), "fleet.toml")
    assert inventory.devices == devices
    assert inventory.credentials == credentials


def test_members_with_their_default_are_left_out_of_the_toml() -> None:
    """A file for people is short."""
    assert dump_toml([Device(name="a", host="b")]) == '[[devices]]\nname = "a"\nhost = "b"\n'
    text = dump_toml([Device(name="a", host="b", scheme="http", labels={"x": "\x7f"})])
    assert text.endswith('scheme = "http"\nlabels = { x = "\\u007f" }\n')
