"""A plan as a file: read back the same, and told in one clear error what is wrong with it."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import Device, ServersSource
from axis_ntp_async.errors import PlanError
from axis_ntp_async.health.finding import PROFILES, Cause, Problem, State
from axis_ntp_async.inventory.references import CredentialReference
from axis_ntp_async.rollout.plan import Plan, Step, Unplannable
from axis_ntp_async.rollout.planning.document import (
    configuration_from,
    is_plan,
    plan_document,
    plan_from,
    read_plan,
    write_plan,
)
from axis_ntp_async.rollout.rules.settings import (
    Budget,
    Pace,
    Proof,
    ProofRules,
    Rules,
    Staging,
)

MakeStep = Callable[..., Step]

AT = dt.datetime(2026, 11, 23, 12, 0, 30, 5, tzinfo=dt.timezone(dt.timedelta(hours=2)))

words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
names = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=8)
servers = st.lists(names, max_size=3).map(tuple)
configurations = st.builds(
    NTPClientConfiguration,
    enabled=st.none() | st.booleans(),
    nts_enabled=st.none() | st.booleans(),
    ntske_server_ca_certs=st.none() | servers,
    servers_source=st.none() | st.sampled_from(ServersSource),
    static_servers=st.none() | servers,
    static_ntske_servers=st.none() | servers,
    minpoll=st.none() | st.integers(0, 12),
    maxpoll=st.none() | st.integers(12, 24),
)
devices = st.builds(
    Device,
    name=names,
    host=st.sampled_from(["10.0.0.1", "2001:db8::1", "lobby.example"]),
    scheme=st.sampled_from(["http", "https"]),
    port=st.sampled_from([80, 443, 8443]),
    site=st.none() | words,
    serial=st.none() | st.just("ACCC8E012345"),
    groups=servers,
    labels=st.dictionaries(words, words, max_size=3),
    credentials=st.none() | words,
    tls=st.sampled_from(["verify", "tofu", "insecure"]),
    legacy_tls=st.booleans(),
    plaintext_basic=st.booleans(),
)
steps = st.builds(
    Step,
    device=devices,
    before=configurations,
    after=configurations,
    sends=servers,
    api_version=st.none() | words,
    clock_step_s=st.none() | st.floats(-1e9, 1e9),
    has_given_up=st.booleans(),
    is_sampled=st.booleans(),
)
rules = st.builds(
    Rules,
    staging=st.builds(Staging, growth=st.floats(1, 9), one_wave=st.booleans()),
    budget=st.builds(Budget, failures=st.integers(0, 99), ratio=st.floats(0, 1)),
    pace=st.builds(Pace, per_site=st.none() | st.floats(1, 9), per_server=st.none()),
    proof=st.builds(
        ProofRules,
        kind=st.sampled_from(Proof),
        thresholds=st.sampled_from(list(PROFILES.values())),
    ),
    allow_step=st.booleans(),
    unknown_waits_s=st.lists(st.floats(0, 9), max_size=3).map(tuple),
)
problems = st.builds(
    Problem,
    cause=st.sampled_from(Cause),
    state=st.sampled_from(State),
    message=words,
    hint=words,
)
references = st.builds(
    CredentialReference,
    name=names,
    username=names,
    password=st.sampled_from(["env:CAMERA_PASSWORD", "file:/run/secrets/cameras", "prompt"]),
)
plans = st.builds(
    Plan,
    made_at=st.datetimes(timezones=st.just(dt.UTC)),
    made_by=words,
    inventory=words,
    policy=words,
    policy_digest=words,
    rules=rules,
    steps=st.lists(steps, max_size=3, unique_by=lambda step: step.device.name).map(tuple),
    as_desired=servers,
    unplannable=st.lists(st.builds(Unplannable, device=devices, problem=problems), max_size=2).map(
        tuple
    ),
    credentials=st.dictionaries(names, references, max_size=2),
    rollback_of=st.none() | words,
)


def as_json(plan: Plan) -> Any:
    return json.loads(json.dumps(plan_document(plan)))


@pytest.fixture
def plan(make_step: MakeStep) -> Plan:
    """Two waves, a device as desired, one that cannot be changed, and a reference."""
    first = make_step("lobby-3", site="berlin", labels={"model": "P3265-V"}, credentials="fleet")
    problem = Problem(cause=Cause.LOGIN, state=State.UNKNOWN, message="HTTP 401", hint="Mend it.")
    return Plan(
        made_at=AT,
        made_by="ada",
        steps=(first, make_step("Straße 9", wave=2)),
        as_desired=("door-1",),
        unplannable=(Unplannable(device=Device(name="attic", host="10.0.0.9"), problem=problem),),
        credentials={
            "fleet": CredentialReference(
                name="fleet", username="root", password="env:CAMERA_PASSWORD"
            )
        },
    )


@settings(deadline=None)
@given(plans)
def test_a_plan_is_read_as_it_was_written(plan: Plan) -> None:
    """Every record in it comes back the same through JSON."""
    assert plan_from(as_json(plan)) == plan


@given(configurations)
def test_a_configuration_is_read_as_it_was_written(configuration: NTPClientConfiguration) -> None:
    """Members that are not set stay so, and an empty list is one."""
    step = Step(
        device=Device(name="a", host="b"), before=configuration, after=configuration, sends=()
    )
    [wave] = as_json(Plan(made_at=AT, steps=(step,)))["waves"]
    assert configuration_from(wave["steps"][0]["before"]) == configuration


def test_a_plan_can_be_read_by_people(plan: Plan) -> None:
    """It tells how many devices it is about, what changes, and what is unusual."""
    document = as_json(plan)
    assert document["schema"] == "axis-ntp/plan/v1"
    assert document["totals"] == {
        "devices": 4,
        "to_change": 2,
        "as_desired": 1,
        "unplannable": 1,
    }
    assert [(wave["wave"], wave["canary"]) for wave in document["waves"]] == [
        (1, True),
        (2, False),
    ]
    step = document["waves"][0]["steps"][0]
    assert step["changes"] == [
        {
            "member": "static_servers",
            "before": ["10.0.0.1"],
            "after": ["10.0.0.5", "10.0.0.6"],
        }
    ]
    assert step["device"] == {
        "name": "lobby-3",
        "host": "192.0.2.17",
        "site": "berlin",
        "labels": {"model": "P3265-V"},
        "credentials": "fleet",
    }


def test_a_file_is_written_whole_and_read_again(plan: Plan, tmp_path: Path) -> None:
    """It is text in UTF-8 that replaces what was there, and leaves nothing beside it."""
    path = tmp_path / "plan.json"
    path.write_text("an older one", encoding="utf-8")
    write_plan(plan, path)
    assert read_plan(path) == plan
    assert "Straße 9" in path.read_text(encoding="utf-8")
    assert [*tmp_path.iterdir()] == [path]


def test_a_plan_has_no_secret_in_it(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says where a password is to be had, and never the password itself."""
    monkeypatch.setenv("CAMERA_PASSWORD", "canary-secret")
    write_plan(plan, tmp_path / "plan.json")
    text = (tmp_path / "plan.json").read_text(encoding="utf-8")
    assert "env:CAMERA_PASSWORD" in text
    assert "canary-secret" not in text


@pytest.mark.parametrize("place", [".", "missing/plan.json", "file/plan.json", "x" * 255])
def test_a_plan_that_cannot_be_written(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The place is told with the reason, and what was there stays."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("kept", encoding="utf-8")
    with pytest.raises(PlanError, match="cannot be written: "):
        write_plan(plan, Path(place))
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_byte_order_mark_does_no_harm(plan: Plan, tmp_path: Path) -> None:
    """Some editors put it in front of what they save."""
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan_document(plan)), encoding="utf-8-sig")
    assert is_plan(path)
    assert read_plan(path) == plan


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no JSON: Expecting value"),
        (b"lobby-3,10.0.0.1\n", "is no JSON"),
        (b'{"schema": "axis-ntp/plan/v1", "a": "\xff"}', "is no JSON: 'utf-8' codec"),
        (b'{"schema": "axis-ntp/plan/v1", "waves": ', "is no JSON"),
        (b'{"a": "\\ud800"}', "is no JSON: 'utf-8' codec"),
        (b'{"a": NaN}', "is no JSON: NaN is no JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is no JSON: Exceeds the limit"),
        (b"[" * 100_000, "is no JSON: it is nested too deep"),
        (b'{"a": ' * 50 + b"1" + b"}" * 50, "is no JSON: it is nested too deep"),
        (b"[]", "is no plan; 'axis-ntp plan"),
        (b'"axis-ntp/plan/v1"', "is no plan"),
        (b"{}", "is no plan"),
        (b'{"schema": ["axis-ntp/plan/v1"]}', "is no plan"),
        (b'{"schema": "axis-ntp/plan/v2"}', "is no plan"),
        (b'{"schema": "axis-ntp/plan/v1"}', "waves: is missing, or no list"),
        (b'{"schema": "axis-ntp/plan/v1", "waves": {}}', "waves: is missing, or no list"),
        (b'{"schema": "axis-ntp/plan/v1", "waves": []}', "made_at: is missing"),
    ],
)
def test_a_file_that_is_no_plan(tmp_path: Path, content: bytes, message: str) -> None:
    """Whatever it is, it is told with the file's name."""
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    with pytest.raises(PlanError) as caught:
        read_plan(path)
    [fault] = caught.value.faults
    assert fault.startswith(f"{path}: {message}")


@pytest.mark.parametrize(("name", "reason"), [("gone", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, reason: str) -> None:
    """One that is not there, or is a folder, is told as such."""
    with pytest.raises(PlanError, match=f"cannot be read: {reason}"):
        read_plan(tmp_path / name)
    assert not is_plan(tmp_path / name)


def test_a_plan_is_told_from_an_inventory(plan: Plan, tmp_path: Path) -> None:
    """Its beginning tells, also when its version is not one that we know."""
    write_plan(plan, tmp_path / "plan")
    (tmp_path / "later").write_text('{"schema": "axis-ntp/plan/v7"}', encoding="utf-8")
    (tmp_path / "fleet.csv").write_text("name,host\nlobby-3,10.0.0.1\n", encoding="utf-8")
    found = {path.name: is_plan(path) for path in tmp_path.iterdir()}
    assert found == {"plan": True, "later": True, "fleet.csv": False}


STEP = ("waves", 0, "steps", 0)
DAMAGE = [
    (("made_at",), 5, "made_at: is 5, not text"),
    (("made_at",), "yesterday", "made_at: Invalid isoformat string: 'yesterday'"),
    (("made_at",), "2026-11-23T12:00", "made_at: '2026-11-23T12:00' lacks its time zone"),
    (("made_by",), None, "made_by: is null, not text"),
    (("as_desired",), {}, "as_desired: is {}, not a list of texts"),
    (("as_desired",), [1], "as_desired: is [1], not a list of texts"),
    (("rules",), [], "rules: is [], not an object"),
    (("rules",), None, "rules: is null, not an object"),
    (("rules", "staging"), [], "rules.staging: is [], not an object"),
    (("rules", "staging", "growth"), 0.5, "rules.staging: 'growth' must be >= 1: 0.5"),
    (("rules", "staging", "canary_min"), True, "rules.staging.canary_min: is true, not a whole"),
    (("rules", "budget", "ratio"), 2, "rules.budget: 'ratio' must be <= 1.0: 2.0"),
    (("rules", "pace", "per_site"), 0, "rules.pace: 'per_site' must be > 0.0: 0.0"),
    (("rules", "pace", "per_server"), -1, "rules.pace: 'per_server' must be > 0.0: -1.0"),
    (("rules", "proof", "kind"), "hope", "rules.proof.kind: 'hope' is not a valid Proof"),
    (("rules", "proof", "thresholds", "servers_min"), -1, "rules.proof.thresholds: servers_min: "),
    (("rules", "read_back_waits_s"), {}, "rules.read_back_waits_s: is {}, not a list"),
    (("rules", "read_back_waits_s"), [], "rules: Length of 'read_back_waits_s' must be >= 1"),
    (("rules", "read_back_waits_s"), ["1"], 'rules.read_back_waits_s[0]: is "1", not a number'),
    (("rules", "allow_step"), "no", 'rules.allow_step: is "no", not true or false'),
    (("unplannable",), {}, "unplannable: is {}, not a list"),
    (("unplannable", 0), "attic", 'unplannable[0]: is "attic", not an object'),
    (("unplannable", 0, "problem", "cause"), "x", "unplannable[0].problem.cause: 'x' is not a"),
    (("credentials",), [], "credentials: is [], not an object"),
    (("credentials", "fleet"), "env:X", "credentials['fleet']: is \"env:X\", not an object"),
    (("waves", 0), [], "waves[0].steps: is missing, empty, or no list"),
    (("waves", 0), {}, "waves[0].steps: is missing, empty, or no list"),
    (("waves", 0, "steps"), {}, "waves[0].steps: is missing, empty, or no list"),
    (("waves", 0, "steps"), [], "waves[0].steps: is missing, empty, or no list"),
    (STEP, None, "waves[0].steps[0]: is null, not an object"),
    (STEP, [], "waves[0].steps[0]: is [], not an object"),
    ((*STEP, "device"), "lobby-3", 'waves[0].steps[0]: device: is "lobby-3", not an object'),
    ((*STEP, "device", "host"), "a b", "waves[0].steps[0]: device: host: 'a b' is not an addr"),
    ((*STEP, "device", "port"), "80", 'waves[0].steps[0]: device.port: is "80", not a whole'),
    ((*STEP, "device", "labels"), [], "waves[0].steps[0]: device.labels: is [], not an object"),
    ((*STEP, "device", "labels"), {"a": 1}, "waves[0].steps[0]: device.labels['a']: is 1, not"),
    ((*STEP, "before"), [], "waves[0].steps[0]: before: is [], not an object"),
    ((*STEP, "before", "minpoll"), 99, "waves[0].steps[0]: before: minpoll: 99 is not a whole"),
    (
        (*STEP, "after", "servers_source"),
        "PTP",
        "waves[0].steps[0]: after.servers_source: 'PTP' is not a valid ServersSource",
    ),
    (
        (*STEP, "before", "static_servers"),
        ["10.9.9.9"],
        "waves[0].steps[0]: lobby-3: 'before' was edited: its digest does not fit",
    ),
    ((*STEP, "digest"), "00", "waves[0].steps[0]: lobby-3: 'before' was edited"),
    ((*STEP, "digest"), [], "waves[0].steps[0]: lobby-3: 'before' was edited"),
    ((*STEP, "wave"), 2, "waves[0].steps[0]: wave: is 2, but it stands in wave 1"),
    ((*STEP, "wave"), 0, "waves[0].steps[0]: wave: is 0, but it stands in wave 1"),
    ((*STEP, "device", "name"), "Straße 9", "Straße 9: stands there 2 times"),
]


def damaged(document: Any, place: tuple[Any, ...], value: object) -> Any:
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return document


@pytest.mark.parametrize(("place", "value", "fault"), DAMAGE, ids=str)
def test_a_damaged_plan_tells_the_place(
    plan: Plan, place: tuple[Any, ...], value: object, fault: str
) -> None:
    """One wrong value is one sentence that begins with where it stands."""
    with pytest.raises(PlanError) as caught:
        plan_from(damaged(as_json(plan), place, value))
    assert [one[: len(fault)] for one in caught.value.faults] == [fault]


@pytest.mark.parametrize("name", ["device", "before", "after", "sends"])
def test_a_member_that_is_missing(plan: Plan, name: str) -> None:
    """What a step cannot do without is named; what has a usual value may be left out."""
    document = as_json(plan)
    step = document["waves"][0]["steps"][0]
    del step[name]
    with pytest.raises(PlanError, match=rf"waves\[0\]\.steps\[0\]: {name}: is missing"):
        plan_from(document)


def test_what_is_left_out_has_its_usual_value(plan: Plan) -> None:
    """Members with defaults need not stand there, and unknown ones do no harm."""
    document = as_json(plan)
    for name in ("rules", "made_by", "as_desired", "unplannable", "credentials", "totals"):
        del document[name]
    document["later"] = {"more": True}
    document["waves"][0]["steps"][0]["later"] = 1
    read = plan_from(document)
    assert read.steps == plan.steps
    assert (read.rules, read.made_by, read.as_desired) == (Rules(), "", ())


def test_every_fault_is_told_at_once(plan: Plan, tmp_path: Path) -> None:
    """Whoever mends a file wants to know all of it, each with the file's name."""
    document = damaged(as_json(plan), (*STEP, "device", "host"), 5)
    document = damaged(document, (*STEP, "sends"), 5)
    document = damaged(document, ("waves", 1), None)
    document = damaged(document, ("made_by",), 5)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(PlanError) as caught:
        read_plan(path)
    assert len(caught.value.faults) == 4
    assert all(fault.startswith(f"{path}: ") for fault in caught.value.faults)


def test_a_password_in_place_of_a_reference_is_not_shown(plan: Plan) -> None:
    """Whoever writes the secret itself into the plan does not read it in the error."""
    place = ("credentials", "fleet", "password")
    with pytest.raises(PlanError) as caught:
        plan_from(damaged(as_json(plan), place, "hunter2"))
    assert "is no reference" in str(caught.value)
    assert "hunter2" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def places_in(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside: Any = ()
    if isinstance(value, dict | list):
        inside = value.items() if isinstance(value, dict) else enumerate(value)
    found = [place] if place else []
    for key, inner in inside:
        found += places_in(inner, (*place, key))
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), value=json_values)
def test_no_damage_is_a_surprise(plan: Plan, data: st.DataObject, value: object) -> None:
    """Any value at any place is read, or told as a `PlanError`; nothing else ever happens."""
    document = as_json(plan)
    place = data.draw(st.sampled_from(places_in(document)))
    found: tuple[object, ...] = ()
    try:
        found = plan_from(damaged(document, place, value)).steps
    except PlanError as error:
        found = error.faults
    assert all(found)
