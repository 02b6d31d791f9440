"""Loading our native format: layers, addresses, doubles, TLS files."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from axis_ntp_async.errors import InventoryError, SelectionError
from axis_ntp_async.inventory.inventory import Inventory, load_inventory

Load = Callable[..., Inventory]

CONTRACT = """
[defaults]
scheme = "https"
tls = "tofu"
credentials = "fleet"

[credentials.fleet]
username = "ntp-service"
password = "env:FLEET_PASSWORD"

[sites.berlin]
tls = "axis-idevid:axis-root.pem"

[[devices]]
name = "lobby-3"
host = "10.0.4.17"
port = 443
site = "berlin"
serial = "ACCC8E012345"
groups = ["indoor"]
labels = { model = "P3265-V", firmware = "12.11.77" }
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write a file and load it."""

    def write_and_load(text: str, name: str = "fleet.toml", **options: object) -> Inventory:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return load_inventory(path, **options)  # type: ignore[arg-type]

    return write_and_load


def faults_of(load: Load, text: str, name: str = "fleet.toml") -> list[str]:
    """The faults of a text, without the path before them."""
    with pytest.raises(InventoryError) as caught:
        load(text, name)
    return [fault.partition(f"{name}: ")[2] for fault in caught.value.faults]


def test_the_example_of_the_contract_loads_as_it_is_meant(load: Load, tmp_path: Path) -> None:
    """Defaults, site and the device's own members make one device; its CA file is absolute."""
    (tmp_path / "axis-root.pem").write_text("a certificate")
    inventory = load(CONTRACT)
    (device,) = inventory.devices
    assert (device.name, device.host, device.port) == ("lobby-3", "10.0.4.17", 443)
    assert (device.scheme, device.site, device.serial) == ("https", "berlin", "ACCC8E012345")
    assert (device.groups, device.credentials) == (("indoor",), "fleet")
    assert device.labels == {"model": "P3265-V", "firmware": "12.11.77"}
    assert device.tls == f"axis-idevid:{tmp_path / 'axis-root.pem'}"
    assert inventory.credentials["fleet"].username == "ntp-service"
    assert inventory.credentials["fleet"].password == "env:FLEET_PASSWORD"
    assert inventory.source == str(tmp_path / "fleet.toml")
    assert inventory.warnings == ()


def test_the_device_wins_over_its_groups_and_these_over_site_and_defaults(load: Load) -> None:
    """Each member comes from the nearest layer that has it; groups and labels add up."""
    first, second = load("""
        [defaults]
        port = 1
        site = "berlin"
        groups = ["all-of-us"]
        labels = { a = "defaults", b = "defaults" }
        [sites.berlin]
        port = 2
        credentials = "of-site"
        labels = { b = "site" }
        [groups.indoor]
        credentials = "of-group"
        port = 3
        [groups.lab]
        port = 4
        [[devices]]
        host = "10.0.0.1"
        [[devices]]
        host = "10.0.0.2"
        groups = ["indoor", "lab"]
        legacy_tls = true
        credentials = ""
        """).devices
    assert (first.port, first.credentials, first.site) == (2, "of-site", "berlin")
    assert first.labels == {"a": "defaults", "b": "site"}
    assert (second.port, second.credentials, second.legacy_tls) == (4, None, True)
    assert second.groups == ("all-of-us", "indoor", "lab")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("cam.example", "cam.example"),
        ("https://cam.example:443", "cam.example"),
        ("cam.example:8443", "cam.example:8443"),
    ],
)
def test_a_device_without_a_name_is_called_by_its_address(
    load: Load, host: str, name: str
) -> None:
    """Two devices behind one forwarding router differ by their ports only."""
    (device,) = load(f'[[devices]]\nhost = "{host}"').devices
    assert device.name == name


@pytest.mark.parametrize(
    ("text", "host", "port", "scheme"),
    [
        ("10.0.0.1", "10.0.0.1", 443, "https"),
        ("10.0.0.1:8443", "10.0.0.1", 8443, "https"),
        ("https://10.0.0.1:8443/", "10.0.0.1", 8443, "https"),
        ("HTTP://cam.example", "cam.example", 80, "http"),
        ("[2001:db8::1]:8443", "2001:db8::1", 8443, "https"),
        ("https://[2001:db8::1]", "2001:db8::1", 443, "https"),
        ("2001:db8::1", "2001:db8::1", 443, "https"),
        ("kamera-süd.example", "kamera-süd.example", 443, "https"),
    ],
)
def test_an_address_is_taken_apart(
    load: Load, text: str, host: str, port: int, scheme: str
) -> None:
    """Host, port and scheme may all stand in `host`."""
    (device,) = load(f'[[devices]]\nhost = "{text}"').devices
    assert (device.host, device.port, device.scheme) == (host, port, scheme)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.300", "'10.0.0.300' is not an IPv4 address"),
        ("10.0.0.0/24", "'10.0.0.0' goes on with a '/'"),
        ("cam/axis-cgi?pwd=canary", "only scheme, host and port"),
        ("rtsp://cam", "'rtsp' is neither https nor http"),
        ("cam:https", "its port 'https' is not a number"),
        ("cam:65536", "its port '65536' is not a number"),
        ("[::1", "not an IPv6 address in brackets"),
        ("[cam]", "'cam' is not an IPv6 address"),
        ("00:40:8c:12:34:56", "is not an IPv6 address"),
        ("https://2001:db8::1:8443", "in brackets"),
        ("two words", "is not an address or a DNS name"),
        ("a" * 300, "has 300 characters"),
        ("http://root:canary@10.0.0.1", "secrets do not belong"),
    ],
)
def test_what_is_no_address_is_refused_and_no_secret_repeated(
    load: Load, text: str, said: str
) -> None:
    """The fault says what is wrong with the host."""
    (fault,) = faults_of(load, f'[[devices]]\nhost = "{text}"')
    assert said in fault
    assert "canary" not in fault


def test_a_port_that_contradicts_the_host_is_a_fault_but_one_of_the_defaults_is_not(
    load: Load,
) -> None:
    """What stands in the host is the device's own member."""
    defaults = "[defaults]\nport = 1\n"
    (fault,) = faults_of(load, '[[devices]]\nhost = "http://cam:81"\nport = 82\nscheme = "http"')
    assert fault == "device 1 (line 1): port: is 82, but the host says 81"
    assert load(defaults + '[[devices]]\nhost = "cam:81"\nport = 81').devices[0].port == 81
    assert load(defaults + '[[devices]]\nhost = "cam:81"').devices[0].port == 81


def test_all_faults_of_a_file_are_told_at_once_with_their_place(load: Load) -> None:
    """Faults of tables, of layers and of devices stand in one error."""
    faults = faults_of(
        load,
        """
[default]
[defaults]
prot = 443
serial = "ACCC8E012345"
[credentials]
fleet = "canary"
[credentials.a]
password = "canary"
usrname = "root"
[credentials.b]
username = 7
[credentials.c]
username = "root"
password = "canary"
[sites]
berlin = 7
[sites.rome]
site = "rome"
[groups.indoor]
groups = ["x"]
[[devices]]
name = "a"
host = "cam"
port = "https"
serial = 12
groups = ["a,b"]
[[devices]]
legacy_tls = "perhaps"
labels = { model = 12.10, year = 2024 }
pasword = "canary"
[[devices]]
name = "bell\\u0007"
host = "cam"
groups = 7
site = ["x"]
[[devices]]
host = 7
[[devices]]
host = "cam"
labels = { pin = "1", "api key" = "canary" }
[[devices]]
host = "cam2"
port = 70000
scheme = "ftp"
        """,
    )
    text = "\n".join(faults)
    for expected in (
        "[default]: is not known; did you mean 'defaults'?",
        "[defaults]: 'prot': is not a member of a device; did you mean 'port'?",
        "[defaults]: serial: belongs to one device, not to many",
        "[credentials]: 'fleet' is not a table; write [credentials.NAME]",
        "[credentials.a]: usrname: is not known; did you mean 'username'?",
        "[credentials.b]: username: is not text; write it in quotes",
        "[credentials.b]: password: is missing; expected a reference like env:NAME",
        "credentials 'c': password: is no reference",
        "[sites]: 'berlin' is 7, not a table [sites.NAME]",
        "[sites.rome]: site: may not stand here",
        "[groups.indoor]: groups: may not stand here",
        "device 1 (\"a\", line 22): port: 'https' is not a number from 1 to 65535",
        "serial: 12 is not text; write it in quotes",
        "groups: 'a,b' has one of ;,| in it",
        "device 2 (line 28): legacy_tls: 'perhaps' is neither true nor false",
        "labels: 'model': 12.1 is not text; write it in quotes",
        "'pasword': is not a member",
        "host: is missing; expected an address or a DNS name",
        "name: has the control character '\\x07'",
        "groups: 7 is not a list of names",
        "site: ['x'] is not text",
        "host: 7 is not text",
        "labels: 'api key': secrets do not belong into an inventory",
        "port: 70000 is not a number from 1 to 65535",
        "scheme: 'ftp' is neither https nor http",
    ):
        assert expected in text
    assert "canary" not in text


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("password", "secrets do not belong into an inventory"),
        ("colour", "free values go under 'labels'"),
        ("label", "did you mean 'labels'?"),
    ],
)
def test_a_member_that_we_do_not_know_is_a_fault(load: Load, member: str, said: str) -> None:
    """It is never passed over in silence, and its value never shown."""
    (fault,) = faults_of(load, f'[[devices]]\nhost = "cam"\n{member} = "canary"')
    assert said in fault
    assert "canary" not in fault


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("devices = 7", "devices: is not a list"),
        ("devices = [7]", "device 1: is 7, not a table of members"),
        ("defaults = 7\ndevices = ['cam']", "[defaults]: is 7, not a table"),
        ("[[devices]\n", "is not TOML: "),
        ("a = " + "1" * 5000, "is not TOML: too large a number"),
        ("", "no devices in it (read as toml)"),
        ("[defaults]\n", "no devices in it (read as toml)"),
        ('[[devices]]\nhost = "cam"\nlabels = { "" = "x" }', "a label has no name"),
        ('[[devices]]\nhost = "cam"\nlabels = 7', "labels: 7 is not a table of labels"),
        ('[[devices]]\nhost = "cam"\nlabels = "model"', "'model' is not a label like"),
        ('[[devices]]\nhost = "cam"\nname = "' + "a" * 2000 + '"', "has 2000 characters"),
        ('[[devices]]\nhost = ""', "host: is missing"),
    ],
)
def test_other_shapes_are_refused(load: Load, text: str, said: str) -> None:
    """The fault says what was expected."""
    assert said in faults_of(load, text)[0]


def test_a_syntax_error_comes_with_line_and_column(load: Load) -> None:
    """As the parser tells it."""
    (fault,) = faults_of(load, "[[devices]]\nhost = cam")
    assert "line 2" in fault
    assert "column" in fault


def test_an_address_alone_is_a_device(load: Load) -> None:
    """A list of texts is a list of hosts; lines of headers are then not known."""
    assert [one.host for one in load('devices = ["10.0.0.1", "cam:81"]').devices] == [
        "10.0.0.1",
        "cam",
    ]


def test_text_is_trimmed_and_a_line_break_in_it_is_a_blank(load: Load) -> None:
    """Labels often come from cells with several lines; an empty label is none."""
    (device,) = load(
        '[[devices]]\nhost = " cam "\nsite = ""\nport = ""\nlegacy_tls = ""\n'
        'labels = { note = " two\\n lines ", none = "" }\ngroups = ["a", "a", ""]\n'
    ).devices
    assert (device.host, device.site, device.port, device.groups) == ("cam", None, 443, ("a",))
    assert (device.legacy_tls, device.labels) == (False, {"note": "two lines"})


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ('name = "x"\nhost = "a"', 'name = "x"\nhost = "b"', "name: 'x' is also that of"),
        ('host = "CAM.example"', 'name = "x"\nhost = "cam.example."', "address: 'cam.example.'"),
        ('host = "::1"', 'host = "0:0:0:0:0:0:0:1"', "address: '[0:0:0:0:0:0:0:1]'"),
        (
            'host = "a"\nserial = "accc8e012345"',
            'host = "b"\nserial = "AC:CC:8E:01:23:45"',
            "serial: 'ACCC8E012345' is also that of",
        ),
    ],
)
def test_doubles_are_faults_with_both_places(
    load: Load, first: str, second: str, said: str
) -> None:
    """Spelling does not hide that two entries mean one device."""
    (fault,) = faults_of(load, f"[[devices]]\n{first}\n[[devices]]\n{second}")
    assert fault.startswith("device 2 (")
    assert said in fault
    assert "device 1 (" in fault


@pytest.mark.parametrize(
    ("entry", "faults"),
    [
        ('name = "a"\nhost = "cam"\nport = "x"', ["port", "name"]),
        ('name = "b"\nhost = "CAM"\nlegacy_tls = "maybe"', ["legacy_tls", "address"]),
        ('name = "b"\nhost = "cam"\ntls = "bogus"', ["tls", "address"]),
        ('host = "other"\nscheme = "ftp"\nserial = "accc8e012345"', ["scheme", "serial"]),
        ('name = "a"\nhost = "a b"\nserial = "none"', ["host", "name"]),
        ('name = "a"\nserial = "none"', ["host", "name"]),
        ('name = "a"\nhost = "/"', ["host", "name"]),
        ('name = "b"\nhost = "cam"\nserial = "none"', ["serial", "address"]),
        ('name = "b"\nhost = "cam"\nport = 0', ["port"]),
        ('host = "cam:99999"', ["host"]),
        ("port = 1", ["host"]),
    ],
)
def test_doubles_are_found_in_what_could_be_read(
    load: Load, entry: str, faults: list[str]
) -> None:
    """Another fault does not hide one; what could not be read is compared with nothing."""
    first = '[[devices]]\nname = "a"\nhost = "cam"\nserial = "ACCC8E012345"\n'
    found = faults_of(load, f"{first}[[devices]]\n{entry}\n[[devices]]\nport = 2\n")
    told = [fault.partition("): ")[2] for fault in found if fault.startswith("device 2 (")]
    assert [fault.partition(":")[0] for fault in told] == faults
    assert len(found) == len(faults) + 1


def test_one_host_may_have_several_ports(load: Load) -> None:
    """Devices behind one address translation are not doubles."""
    text = '[[devices]]\nname = "a"\nhost = "gate:81"\n[[devices]]\nname = "b"\nhost = "gate:82"'
    assert len(load(text).devices) == 2


def test_a_ca_file_is_looked_for_beside_the_inventory(load: Load, tmp_path: Path) -> None:
    """Other policies stay as they are; a missing file and a wrong policy are faults."""
    (tmp_path / "ca.pem").write_text("a certificate")
    pin = "pin:" + "ab" * 32
    text = "".join(
        f'[[devices]]\nhost = "cam-{number}"\ntls = "{tls}"\n'
        for number, tls in enumerate(("verify:ca.pem", "verify", pin, "insecure"))
    )
    assert [device.tls for device in load(text).devices] == [
        f"verify:{tmp_path / 'ca.pem'}",
        "verify",
        pin,
        "insecure",
    ]
    missing, wrong = faults_of(
        load,
        '[[devices]]\nhost = "a"\ntls = "verify:no.pem"\n[[devices]]\nhost="b"\ntls = "trust-me"',
    )
    assert "tls: there is no file" in missing
    assert "tls: 'trust-me' is not one of verify" in wrong


def test_paths_of_references_are_seen_from_the_inventory(load: Load, tmp_path: Path) -> None:
    """`file:` and the path of `netrc:` become absolute, the others stay."""
    inventory = load("""
        devices = ["cam"]
        [credentials.a]
        username = "root"
        password = "file:secret"
        [credentials.b]
        password = "netrc:cam@rc"
        [credentials.c]
        password = "netrc:"
        """)
    assert {name: one.password for name, one in inventory.credentials.items()} == {
        "a": f"file:{tmp_path / 'secret'}",
        "b": f"netrc:cam@{tmp_path / 'rc'}",
        "c": "netrc:",
    }


def test_what_is_never_used_is_warned_of(load: Load) -> None:
    """A table that no device has, and a name without its table, look like slips."""
    inventory = load("""
        [sites.berlinn]
        [groups.indor]
        [credentials.flet]
        password = "netrc:"
        [[devices]]
        host = "cam"
        site = "berlin"
        groups = ["indoor"]
        credentials = "fleet"
        """)
    assert [warning.partition("fleet.toml: ")[2] for warning in inventory.warnings] == [
        "[sites.berlinn]: no device has it",
        "[groups.indor]: no device has it",
        "devices refer to [credentials.fleet], which is not there",
    ]


def test_a_file_without_credentials_is_not_warned_of(load: Load) -> None:
    """They may come from elsewhere."""
    assert load('[[devices]]\nhost = "cam"\ncredentials = "fleet"').warnings == ()


def test_headers_within_long_texts_do_not_give_wrong_lines(load: Load) -> None:
    """Where headers and devices cannot be matched, lines are left out."""
    text = '[[devices]]\nhost = "cam"\nlabels = { a = """\n[[devices]]\n""" }\nprot = 1\n'
    assert faults_of(load, text)[0].startswith("device 1: 'prot'")


def test_select_gives_devices_in_the_order_of_the_file(load: Load, tmp_path: Path) -> None:
    """A file of names is read literally; the path is seen from the working directory."""
    inventory = load('devices = ["cam-2", "cam-1", "cam-3"]')
    names = tmp_path / "names.txt"
    names.write_text("# lobby\ncam-1\n\ncam-2\n")
    assert [one.name for one in inventory.select(f"@{names}")] == ["cam-2", "cam-1"]
    assert [one.name for one in inventory.select(f"!@{names}")] == ["cam-3"]
    assert inventory.select() == inventory.devices
    with pytest.raises(SelectionError, match="there is no such file"):
        inventory.select(f"@{names}.old")
    names.write_text("cam-9\n")
    with pytest.raises(SelectionError, match="not in the inventory: 'cam-9'"):
        inventory.select(f"@{names}")


def test_a_relative_path_and_home_are_understood(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`~` is the home of whoever loads the file."""
    (tmp_path / "ca.pem").write_text("a certificate")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    load('[[devices]]\nhost = "cam"\ntls = "verify:~/ca.pem"')
    monkeypatch.chdir(tmp_path)
    (device,) = load_inventory(os.path.join(".", "fleet.toml")).devices  # noqa: PTH118  a text
    assert device.tls == f"verify:{tmp_path / 'ca.pem'}"
