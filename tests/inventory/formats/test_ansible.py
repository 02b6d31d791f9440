"""Static Ansible inventories, in INI and in YAML."""

import builtins
from pathlib import Path
from typing import Any

import pytest
import yaml

from axis_ntp_async.errors import InventoryError
from axis_ntp_async.inventory.formats import ansible, ansible_yaml
from axis_ntp_async.inventory.formats.ranges import expand
from axis_ntp_async.inventory.inventory import Inventory, load_inventory

INI = """
gate ansible_host=10.0.9.1          # no group
[lobby]
cam-[01:03].example axis_port=8443
'left cam' ansible_host=10.0.1.9 label_model="P3265 V"
[roof]
cam-01.example site=rome
[lobby:vars]
ansible_user = root
axis_legacy_tls = 'yes'
rack = 7
[indoor:children]
lobby   # and more to come
[all:vars]
axis_site=berlin
ansible_port=22
ansible_connection=local
"""

YAML = """
all:
  vars: {axis_site: berlin}
  hosts:
    gate: {ansible_host: 10.0.9.1}
  children:
    indoor:
      children:
        lobby:
          vars: {ansible_user: root, axis_legacy_tls: true, secret_word: !vault "abc"}
          hosts:
            cam-[01:03].example: {axis_port: 8443}
            left cam:
              ansible_host: 10.0.1.9
              axis_label_model: P3265 V
    roof:
      hosts:
        cam-01.example:
          site: !unsafe rome
"""


def load(folder: Path, text: str, name: str) -> Inventory:
    """Load a text under a name."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_inventory(path)


def faults_of(folder: Path, text: str, name: str) -> list[str]:
    """The faults of a text, without the path before them."""
    with pytest.raises(InventoryError) as caught:
        load(folder, text, name)
    return [fault.partition(f"{name}: ")[2] for fault in caught.value.faults]


@pytest.mark.parametrize(("name", "text"), [("hosts.ini", INI), ("hosts.yml", YAML)])
def test_both_spellings_mean_the_same_devices(tmp_path: Path, name: str, text: str) -> None:
    """Groups with their ancestors, ranges, and variables from the outside to the inside."""
    inventory = load(tmp_path, text, name)
    of_name = {device.name: device for device in inventory.devices}
    assert set(of_name) == {
        "gate",
        "cam-01.example",
        "cam-02.example",
        "cam-03.example",
        "left cam",
    }
    gate, cam, left = of_name["gate"], of_name["cam-01.example"], of_name["left cam"]
    assert (gate.host, gate.port, gate.site, gate.groups) == ("10.0.9.1", 443, "berlin", ())
    assert (cam.host, cam.port, cam.site) == ("cam-01.example", 8443, "rome")
    assert set(cam.groups) == {"lobby", "indoor", "roof"}
    assert (left.host, left.site, left.labels) == ("10.0.1.9", "berlin", {"model": "P3265 V"})
    assert (left.credentials, left.legacy_tls, gate.credentials) == ("root", True, None)
    assert inventory.credentials["root"].password == "prompt"


def test_what_is_not_used_is_warned_of_once(tmp_path: Path) -> None:
    """The port of SSH, variables of other tools, passwords; Ansible's own are passed over."""
    text = (
        "a ansible_password=canary\nb ansible_password=canary ansible_port=22\nc ansible_port=22"
    )
    inventory = load(
        tmp_path, f"{text} ansible_become_pass={{{{x}}}}\n[all:vars]\nrack=7\n", "h.ini"
    )
    assert [warning.partition("h.ini: ")[2] for warning in inventory.warnings] == [
        "line 1 ('a'): ansible_password stands there in clear text; it is not used",
        "line 2 ('b'): ansible_port 22 is that of SSH; not used",
        "variables that are no members of a device are not read: 'rack'",
    ]
    assert "canary" not in repr(inventory)
    many = load(tmp_path, "a " + " ".join(f"x{number}=1" for number in range(11)), "h.ini")
    assert many.warnings[0].endswith("'x9', ...")


def test_the_strongest_spelling_of_a_member_wins(tmp_path: Path) -> None:
    """Whatever the order of the variables is."""
    (device,) = load(
        tmp_path,
        "a axis_port=3 port=2 ansible_port=1 credentials=x ansible_user=root name=b label.r=1",
        "h.ini",
    ).devices
    assert (device.port, device.credentials, device.name) == (3, "x", "b")
    assert device.labels == {"r": "1"}


def test_deeper_groups_win_and_equal_ones_by_name(tmp_path: Path) -> None:
    """As Ansible merges them."""
    (device,) = load(
        tmp_path,
        "[b]\ncam\n[a]\ncam\n[outer:children]\na\nb\n"
        "[outer:vars]\nport=1\nsite=outer\n[a:vars]\nport=2\ntls=tofu\n[b:vars]\nport=3\n",
        "h.ini",
    ).devices
    assert (device.port, device.site, device.tls) == (3, "outer", "tofu")
    assert device.groups == ("b", "outer", "a")


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("cam-{{ x }} a=b", ["line 1: the line: has Jinja in it"]),
        ("cam-{{x}} a=b", ["line 1: the name: has Jinja in it"]),
        ("cam ansible_host={{x}}", ["line 1 ('cam'): ansible_host: has Jinja in it"]),
        ("root:canary@cam", ["line 1: a name with '@' in it"]),
        ("cam 'x", ["line 1: a quote is not closed"]),
        ("cam canary", ["line 1: expected variable=value; the value is not shown"]),
        ("[a:hostvars]\nport=1\n[b]\ncam", ["line 1: [a:hostvars]: expected [a], [a:vars]"]),
        (
            "cam\n[a:children]\nb\n[c:vars]\nx=1",
            ["line 3: [a:children] names the group 'b'", "line 4: [c:vars] names the group 'c'"],
        ),
        ("[a:children]\nb\n[b:children]\na", ["groups contain each other: 'a', 'b'"]),
        ("cam[9:1]", ["line 1: '[9:1]' is an empty range"]),
        ("cam[1:2:0]", ["line 1: '[1:2:0]' is an empty range"]),
        ("cam[1:x]", ["line 1: '[1:x]' is not a range like [01:20] or [a:f]"]),
        ("cam[0:9999999]", ["line 1: 'cam[0:9999999]' gives more than 1,000,000 devices"]),
        ("cam[0:9999999999999]", ["line 1: '[0:9999999999999]' is not a range"]),
        ("cam axis_prot=1", ["line 1 ('cam'): 'prot': is not a member of a device"]),
        ('cam ansible_user="a\x07"', ["line 1 ('cam'): credentials 'a\\x07': username"]),
        ("cam\n[all:vars]\nansible_host=a", ["variables of group 'all': host: belongs to one"]),
        ("[a,b]\ncam", ["groups: groups: 'a,b' has one of"]),
    ],
)
def test_faults_of_the_ini_name_the_line(tmp_path: Path, text: str, faults: list[str]) -> None:
    """And never show a value that may be a secret."""
    found = faults_of(tmp_path, text, "h.ini")
    for expected in faults:
        assert any(fault.startswith(expected) for fault in found), found
    assert "canary" not in "".join(found)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("all: [", "is not YAML: "),
        ("all: !!python/object:os.system {}", "is not YAML: could not determine a constructor"),
        ("all: {? [a] : b}", "is not YAML: found unhashable key"),
        ("all: \x07", "is not YAML: a character or a value that cannot be"),
        ("all:\n  hosts:\n    a:\n    a:\n", "the key 'a' stands twice in one mapping (line 4, c"),
        ("all:\n  hosts: cam\n", "group 'all', hosts: is not a mapping; does a line lack"),
        ("all:\n  host: {cam: }\n", "group 'all': 'host' is none of hosts, vars, children; did"),
        ("- cam\n", "the file: is not a mapping"),
        ("", "no devices in it (read as ansible-yaml)"),
        (
            "all: {hosts: {cam: {serial: 004012345670}}}",
            "group 'all' ('cam'): serial: 539610040 is not text",
        ),
        ("all: {hosts: {cam: {axis_tls: !vault abc}}}", "group 'all' ('cam'): axis_tls: is enc"),
        ("all: {hosts: {cam: {ansible_user: 7}}}", "group 'all' ('cam'): credentials: 7 is not"),
    ],
)
def test_faults_of_the_yaml_name_the_group(tmp_path: Path, text: str, fault: str) -> None:
    """A key written twice is one, too: PyYAML would lose a device in silence."""
    found = faults_of(tmp_path, text, "h.yml")
    assert any(one.startswith(fault) for one in found), found


def test_parts_that_are_referred_to_many_times_are_read_once(tmp_path: Path) -> None:
    """Aliases may neither grow without bound nor contain themselves."""
    levels = "\n".join(
        f"l{n}: &l{n} {{children: {{a: *l{n - 1}, b: *l{n - 1}}}}}" for n in range(1, 40)
    )
    text = f"l0: &l0 {{hosts: {{cam: }}}}\n{levels}\n"
    assert faults_of(tmp_path, text, "h.yml")[0].startswith("groups contain each other")
    circle = "a: &a {hosts: {cam: &v {x: *v}}, children: {b: *a}}"
    assert faults_of(tmp_path, circle, "h.yml") == ["groups contain each other: 'b'"]


def test_groups_nested_too_deeply_are_refused(tmp_path: Path) -> None:
    """Nobody nests fifty groups on purpose."""
    text = "cam\n" + "".join(f"[g{n}]\n[g{n}:children]\ng{n + 1}\n" for n in range(52)) + "[g52]"
    assert faults_of(tmp_path, text, "h.ini") == ["group 'g51' is nested over 50 deep"]


def test_too_many_devices_end_in_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the file is not read."""
    monkeypatch.setattr(ansible, "MOST_DEVICES", 10)
    found = faults_of(tmp_path, "a[1:9]\nb[1:9]\nc[1:9]\n", "h.ini")
    assert found == ["line 2: more than 10 devices up to here; the rest is not read"]


def test_a_large_yaml_is_told_to_be_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that helps."""
    monkeypatch.setattr(ansible_yaml, "SLOW_FROM", 2)
    (warning,) = load(tmp_path, "all: {hosts: {'cam[1:3]': }}", "h.yml").warnings
    assert "YAML with 3 devices loads slowly; 'axis-ntp inventory convert'" in warning


def test_without_pyyaml_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it was built without its fast loader."""
    real = builtins.__import__

    def without_yaml(name: str, *rest: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return real(name, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", without_yaml)
        (fault,) = faults_of(tmp_path, "all:", "h.yml")
    assert "pip install 'axis_ntp_async[yaml]'" in fault
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert "without libyaml" in faults_of(tmp_path, "all:", "h.yml")[0]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("cam", ["cam"]),
        ("cam[08:11]", ["cam08", "cam09", "cam10", "cam11"]),
        ("cam[8:10].x", ["cam8.x", "cam9.x", "cam10.x"]),
        ("[a:c]", ["a", "b", "c"]),
        ("c[1:5:2][x:y]", ["c1x", "c1y", "c3x", "c3y", "c5x", "c5y"]),
        ("[2001:db8::1]:443", ["[2001:db8::1]:443"]),
    ],
)
def test_ranges_are_counted_through(pattern: str, names: list[str]) -> None:
    """With leading zeros where the first number has them; IPv6 is no range."""
    assert list(expand(pattern)) == names
