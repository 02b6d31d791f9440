"""The NTP API as bytes: against golden answers, and both directions against each other."""

import contextlib
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import attrs
import pytest
from cattrs import ClassValidationError
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.device import wire
from axis_ntp_async.device.configuration import NTPClientConfiguration
from axis_ntp_async.device.records import NTPClientStatus, NTPInfo, ServersSource
from axis_ntp_async.errors import (
    APIError,
    AxisNTPError,
    InternalDeviceError,
    InvalidParameterError,
    NotAuthorizedError,
    RequestRejectedError,
    UnexpectedResponseError,
    UnsupportedVersionError,
)

RECORDED = Path(__file__).parents[2].parent / "shared" / "answers"

DOCUMENT = NTPClientStatus(
    enabled=True,
    nts_enabled=False,
    servers_source=ServersSource.DHCP,
    max_supported_static_servers=5,
    static_servers=("192.168.0.80",),
    advertised_servers=("ntp.someserver.com", "12.7.232.11"),
    static_ntske_servers=("ntske.someserver.com", "13.8.343.12"),
    synced=True,
    time_to_next_sync_s=1234,
    time_offset_ms=-12.34,
    minpoll=2,
    maxpoll=2,
)
P3265V = NTPClientStatus(
    enabled=True,
    nts_enabled=False,
    ntske_server_ca_certs=(),
    servers_source=ServersSource.STATIC,
    max_supported_static_servers=5,
    static_servers=("10.0.0.17",),
    advertised_servers=(),
    static_ntske_servers=(),
    synced=True,
    time_to_next_sync_s=44,
    time_offset_ms=0.016422,
    minpoll=6,
    maxpoll=10,
)
INFOS = {
    "ntp_info_document": NTPInfo(api_version="1.0", client=DOCUMENT),
    "ntp_info_p3265v_12.11.77_synced": NTPInfo(api_version="1.5", client=P3265V),
    "ntp_info_p3265v_12.11.77_unsynced": NTPInfo(
        api_version="1.5",
        client=attrs.evolve(
            P3265V,
            static_servers=("10.0.0.17", "ntp.example.com"),
            synced=False,
            time_to_next_sync_s=0,
            time_offset_ms=0.0,
        ),
    ),
    "ntp_info_p3748plve_12_synced": NTPInfo(
        api_version="1.5",
        client=attrs.evolve(
            P3265V,
            static_servers=("10.0.0.17", "time.windows.com"),
            advertised_servers=("10.0.0.1", "10.0.0.2"),
            time_to_next_sync_s=0,
            time_offset_ms=-0.62378,
        ),
    ),
}
REQUESTS = {
    "request_get_document": wire.Request(
        method=wire.GET_NTP_INFO, context="abc", api_version="1.0"
    ),
    "request_versions_document": wire.Request(method=wire.GET_SUPPORTED_VERSIONS, context="abc"),
    "request_set_document": wire.Request(
        method=wire.SET_NTP_CLIENT_CONFIGURATION,
        context="abc",
        api_version="1.0",
        params={
            "enabled": True,
            "NTSEnabled": False,
            "serversSource": "static",
            "staticServers": ["192.168.0.91", "192.168.0.92"],
            "staticNTSKEServers": ["ntske.someserver.com", "13.8.343.12"],
        },
    ),
}

Golden = Callable[[str], bytes]


def decode(members: object, context: str | None = None) -> wire.Reply:
    """Decode an answer with these members."""
    return wire.decode_reply("lobby-3", json.dumps(members).encode(), context)


def decode_client(**members: object) -> NTPInfo:
    """Decode an answer whose client section has these members."""
    return wire.decode_ntp_info("lobby-3", decode({"data": {"client": members}}))


def refusal_of(call: Callable[[], object]) -> str:
    """Give what is said of a call whose answer cannot be used."""
    with pytest.raises(UnexpectedResponseError) as caught:
        call()
    return caught.value.message


@pytest.mark.parametrize("name", INFOS)
def test_a_golden_answer_is_decoded(golden: Golden, name: str) -> None:
    """Every member, with its unit."""
    reply = wire.decode_reply("lobby-3", golden(name), "abc")
    assert INFOS[name] == wire.decode_ntp_info("lobby-3", reply)


@pytest.mark.parametrize("name", INFOS)
def test_a_golden_answer_is_encoded(golden: Golden, name: str) -> None:
    """Member for member as the document spells it; symmetric code could hide a slip."""
    expected = json.loads(golden(name))
    request = wire.Request(method=wire.GET_NTP_INFO, context=expected.get("context"))
    data = wire.encode_ntp_info(INFOS[name])
    body = wire.encode_reply(request, wire.Reply(api_version=INFOS[name].api_version, data=data))
    assert expected == json.loads(body)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_golden_request_is_encoded_and_decoded(golden: Golden, name: str) -> None:
    """In the order of the document, too."""
    members = json.loads(golden(name))
    body = wire.encode_request(REQUESTS[name])
    assert list(members.items()) == list(json.loads(body).items())
    assert REQUESTS[name] == wire.decode_request(golden(name))


def test_a_configuration_is_encoded_as_in_the_document(golden: Golden) -> None:
    """With the document's letter case, and without what is not named."""
    configuration = NTPClientConfiguration(
        enabled=True,
        nts_enabled=False,
        servers_source=ServersSource.STATIC,
        static_servers=("192.168.0.91", "192.168.0.92"),
        static_ntske_servers=("ntske.someserver.com", "13.8.343.12"),
    )
    expected = json.loads(golden("request_set_document"))["params"]
    assert expected == json.loads(json.dumps(wire.encode_configuration(configuration)))


def test_an_empty_list_is_sent_and_an_unnamed_one_is_not() -> None:
    """`()` clears, `None` leaves."""
    params = wire.encode_configuration(NTPClientConfiguration(static_servers=()))
    assert json.loads(json.dumps(params)) == {"staticServers": []}


def test_ca_certificates_and_poll_bounds_stand_beside_the_rest() -> None:
    """The syntax of the document, not its table; and what only its text has."""
    params = wire.encode_configuration(
        NTPClientConfiguration(ntske_server_ca_certs=("root-a",), minpoll=6, maxpoll=10)
    )
    assert json.loads(json.dumps(params)) == {
        "NTSKEServerCACerts": ["root-a"],
        "minpoll": 6,
        "maxpoll": 10,
    }


@pytest.mark.parametrize(
    ("name", "versions"),
    [("versions_document", ("1.0", "2.4", "3.1")), ("versions_p3265v_12.11.77", ("1.5",))],
)
def test_golden_versions_are_decoded(golden: Golden, name: str, versions: tuple[str, ...]) -> None:
    """Also in an answer that says another version itself."""
    reply = wire.decode_reply("lobby-3", golden(name), "abc")
    assert versions == wire.decode_supported_versions("lobby-3", reply)


def test_an_answer_to_a_write_has_no_data(golden: Golden) -> None:
    """It says only that the request was taken."""
    assert wire.decode_reply("lobby-3", golden("set_document"), "abc").data == {}


@pytest.mark.parametrize(
    ("name", "kind", "code", "sub_code"),
    [
        ("error_1000_document", InternalDeviceError, 1000, None),
        ("error_4003_document", RequestRejectedError, 4003, None),
        ("error_4004_document", InvalidParameterError, 4004, 3),
    ],
)
def test_a_golden_error_is_raised(
    golden: Golden, name: str, kind: type[APIError], code: int, sub_code: int | None
) -> None:
    """As its own class, with its numbers; the document's examples have no method."""
    with pytest.raises(kind) as caught:
        wire.decode_reply("lobby-3", golden(name), "abc")
    assert (code, sub_code) == (caught.value.code, caught.value.sub_code)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded answers stand beside the project")
def test_recorded_answers_are_understood() -> None:
    """What devices really said, as far as it is at hand."""
    for path in sorted(RECORDED.glob("ntp_getNTPInfo_*.json")):
        recorded = json.loads(path.read_bytes())
        reply = decode(recorded["response"]["body"], recorded["request"].get("context"))
        info = wire.decode_ntp_info("lobby-3", reply)
        sent = recorded["response"]["body"]["data"]
        assert sent == json.loads(json.dumps(wire.encode_ntp_info(info)))
        assert info.client is not None
        assert not info.client.other
    for path in sorted(RECORDED.glob("ntp_getSupportedVersions_*.json")):
        body = json.loads(path.read_bytes())["response"]["body"]
        assert wire.decode_supported_versions("lobby-3", decode(body)) == ("1.5",)
    for path in sorted(RECORDED.glob("time_cgi_error_4000_*.json")):
        with pytest.raises(RequestRejectedError, match="4000"):
            decode(json.loads(path.read_bytes())["response"]["body"])


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1000, InternalDeviceError),
        (2000, RequestRejectedError),
        (2001, RequestRejectedError),
        (3000, RequestRejectedError),
        (4000, RequestRejectedError),
        (4001, UnsupportedVersionError),
        (4002, NotAuthorizedError),
        (4003, RequestRejectedError),
        (4004, InvalidParameterError),
        (4005, RequestRejectedError),
        (-1, RequestRejectedError),
    ],
)
def test_every_code_has_its_error(code: int, kind: type[APIError]) -> None:
    """Codes of newer firmware keep their number."""
    request = wire.Request(method=wire.GET_NTP_INFO, context="c")
    with pytest.raises(kind) as caught:
        wire.decode_reply("lobby-3", wire.encode_error(request, code), "c")
    assert type(caught.value) is kind
    assert code == caught.value.code
    assert wire.MESSAGE_OF_CODE.get(code, "error") == caught.value.message


@given(st.integers(-(2**31), 2**31), st.none() | st.integers(-(2**31), 2**31))
def test_an_encoded_error_is_decoded(code: int, sub_code: int | None) -> None:
    """With both numbers, whatever they are."""
    request = wire.Request(method=wire.GET_NTP_INFO)
    body = wire.encode_error(request, code, api_version="1.0", sub_code=sub_code)
    with pytest.raises(APIError) as caught:
        wire.decode_reply("lobby-3", body)
    assert (code, sub_code) == (caught.value.code, caught.value.sub_code)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ([], "error is [], not an object"),
        ("x", 'error is "x", not an object'),
        ({}, "error has a code that is null, not a whole number"),
        ({"code": "4004!"}, 'error has a code that is "4004!", not a whole number'),
        ({"code": True}, "error has a code that is true, not a whole number"),
    ],
)
def test_an_error_of_the_wrong_shape_is_told(error: object, said: str) -> None:
    """It names the member and what was found."""
    assert said == refusal_of(lambda: decode({"error": error}))


@pytest.mark.parametrize(
    ("code", "sub_code", "expected"),
    [
        ("4004", "3", (4004, 3)),
        (4004, "three", (4004, None)),
        (4004, [3], (4004, None)),
        (4004.0, 3.5, (4004, None)),
    ],
)
def test_of_an_error_is_taken_what_can_be_read(
    code: object, sub_code: object, expected: tuple[int, int | None]
) -> None:
    """Numbers may come as text; a strange sub code must not hide the error itself."""
    with pytest.raises(InvalidParameterError) as caught:
        decode({"error": {"code": code, "details": {"subCode": sub_code}}})
    assert expected == (caught.value.code, caught.value.sub_code)


def test_an_error_that_is_null_is_none() -> None:
    """Some write all members always."""
    assert decode({"error": None, "data": {}}).data == {}
    assert refusal_of(lambda: decode({"error": None})) == "data is null, not an object"


@pytest.mark.parametrize("details", [None, [], "x", {}, {"subCode": None}])
def test_details_may_be_anything(details: object) -> None:
    """Only a sub code is looked for in them."""
    with pytest.raises(InvalidParameterError) as caught:
        decode({"error": {"code": 4004, "message": "Invalid", "details": details}})
    assert caught.value.sub_code is None
    assert caught.value.message == "Invalid"


@pytest.mark.parametrize("message", [None, "", 5, {}])
def test_an_error_without_words_has_those_of_the_document(message: object) -> None:
    """A number alone helps nobody."""
    with pytest.raises(RequestRejectedError) as caught:
        decode({"error": {"code": 2001, "message": message}})
    assert caught.value.message == "Request body too large"


@pytest.mark.parametrize(
    "echo",
    [
        {},
        {"method": "getNTPInfo"},
        {"method": "setNTPClientConfiguration"},
        {"context": "abc"},
        {"apiVersion": "1.5"},
        {"apiVersion": 1.5},
    ],
)
def test_an_answer_may_leave_out_its_echo(echo: dict[str, object]) -> None:
    """Devices do; and `method` is never looked at."""
    reply = decode({**echo, "data": {}}, "abc")
    assert reply.api_version == ("1.5" if "apiVersion" in echo else None)


@pytest.mark.parametrize("context", ["abd", "", None, 5, ["abc"]])
def test_another_context_belongs_to_another_request(context: object) -> None:
    """Its data are not ours, nor is its error."""
    answers: list[dict[str, Any]] = [{"data": {}}, {"error": {"code": 4002}}]
    for members in answers:
        said = refusal_of(functools.partial(decode, {**members, "context": context}, "abc"))
        assert said.startswith(f"context is {json.dumps(context)}, not ")
        assert "another request" in said


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([], "answer is [], not an object"),
        (5, "answer is 5, not an object"),
        ({}, "data is null, not an object"),
        ({"data": []}, "data is [], not an object"),
        ({"data": {}, "apiVersion": None}, "apiVersion is null, not a version like 1.0"),
        ({"data": {}, "apiVersion": True}, "apiVersion is true, not a version like 1.0"),
    ],
)
def test_an_answer_of_the_wrong_shape_is_told(members: object, said: str) -> None:
    """It names the member and what was found."""
    assert said == refusal_of(lambda: decode(members))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the answer is not JSON: it is empty"),
        (b"  \n", "the answer is not JSON: it is empty"),
        (b"<html>404</html>", "the answer is not JSON: '<html>404</html>'"),
        (b'{"data":{"client":{"timeOffset":NaN}}}', "the answer is not JSON: "),
        (b'\xff\xfe{"data":{}}', "the answer is not JSON: "),
        (b"[" * 100_000, "the answer is not JSON: "),
    ],
)
def test_what_is_no_json_is_shown(body: bytes, said: str) -> None:
    """Its beginning often tells who answered in the device's place."""
    message = refusal_of(lambda: wire.decode_reply("lobby-3", body))
    assert message.startswith(said)
    assert len(message) < 400


@pytest.mark.parametrize(
    ("member", "value", "said"),
    [
        ("enabled", "no", 'client.enabled is "no", not true or false'),
        ("NTSEnabled", 0, "client.NTSEnabled is 0, not true or false"),
        ("serversSource", 5, "client.serversSource is 5, not text"),
        ("staticServers", "abc", 'client.staticServers is "abc", not a list of texts'),
        ("advertisedServers", [5], "client.advertisedServers is [5], not a list of texts"),
        ("NTSKEServerCACerts", {}, "client.NTSKEServerCACerts is {}, not a list of texts"),
        ("staticNTSKEServers", None, "client.staticNTSKEServers is null, not a list of texts"),
        ("synced", None, "client.synced is null, not true or false"),
        ("timeToNextSync", 1.5, "client.timeToNextSync is 1.5, not a whole number"),
        ("timeOffset", "0.1", 'client.timeOffset is "0.1", not a number'),
        ("maxSupportedStaticServers", True, "client.maxSupportedStaticServers is true, not a"),
        ("minpoll", "6", 'client.minpoll is "6", not a whole number'),
        ("maxpoll", [], "client.maxpoll is [], not a whole number"),
        ("synced", [[[["x"]]]], 'client.synced is [[[["x"]]]], not true or false'),
    ],
)
def test_a_member_of_the_wrong_type_is_named(member: str, value: object, said: str) -> None:
    """By its name on the wire, with what was found."""
    assert refusal_of(lambda: decode_client(**{member: value})).startswith(said)


def test_a_bug_of_ours_is_no_fault_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes through, as cattrs reports it, and stops the run."""
    bug = ClassValidationError("bug", [RuntimeError("a bug")], NTPClientStatus)

    monkeypatch.setattr(wire, "_CONVERTER", Mock(structure=Mock(side_effect=bug)))
    with pytest.raises(ClassValidationError) as caught:
        decode_client()
    assert caught.value is bug


def test_all_wrong_members_are_named_at_once() -> None:
    """One answer, one message."""
    said = refusal_of(lambda: decode_client(enabled="no", synced=1, minpoll="x"))
    assert said.count("; ") == 2


@pytest.mark.parametrize("body", [b'{"data":{"client":{"timeOffset":1e999}}}'])
def test_a_number_too_large_for_anybody_is_none(body: bytes) -> None:
    """JSON allows what no float can hold."""
    reply = wire.decode_reply("lobby-3", body)
    assert "client.timeOffset" in refusal_of(lambda: wire.decode_ntp_info("lobby-3", reply))


@pytest.mark.parametrize("section", ["client", "server"])
def test_a_section_of_the_wrong_type_is_named(section: str) -> None:
    """That one, and not its neighbour."""
    reply = decode({"data": {section: [1]}})
    assert f"{section} is [1], not an object" == refusal_of(
        lambda: wire.decode_ntp_info("lobby-3", reply)
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, NTPInfo()),
        ({"client": None, "server": None}, NTPInfo()),
        ({"client": {}}, NTPInfo(client=NTPClientStatus())),
        ({"server": {"enabled": True}}, NTPInfo(server={"enabled": True})),
        (
            {"ptp": {"enabled": False}, "client": {"leap": "none", "synced": True}},
            NTPInfo(
                client=NTPClientStatus(synced=True, other={"leap": "none"}),
                other={"ptp": {"enabled": False}},
            ),
        ),
        (
            {"client": {"serversSource": "STATIC", "staticServers": [""]}},
            NTPInfo(
                client=NTPClientStatus(servers_source=ServersSource.STATIC, static_servers=())
            ),
        ),
        (
            {"client": {"staticServers": ["13.8.343.12"], "serversSource": "PTP"}},
            NTPInfo(client=NTPClientStatus(servers_source="PTP", static_servers=("13.8.343.12",))),
        ),
    ],
)
def test_sections_and_members_may_be_missing_or_unknown(
    data: dict[str, Any], expected: NTPInfo
) -> None:
    """What is missing is `None`, what is unknown is kept, and no address is too strange."""
    assert expected == wire.decode_ntp_info("lobby-3", decode({"data": data}))


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        (None, "apiVersions is null, not a list of versions"),
        ("1.0", 'apiVersions is "1.0", not a list of versions'),
        ([None], "apiVersions is null, not a version like 1.0"),
        ([["1.0"]], 'apiVersions is ["1.0"], not a version like 1.0'),
    ],
)
def test_versions_of_the_wrong_type_are_told(versions: object, said: str) -> None:
    """Text or numbers, in a list."""
    reply = decode({"data": {"apiVersions": versions}})
    assert said == refusal_of(lambda: wire.decode_supported_versions("lobby-3", reply))


def test_versions_may_be_numbers() -> None:
    """The document itself shows one without quotes."""
    reply = decode({"data": {"apiVersions": [1.0, "1.5", 2]}})
    assert wire.decode_supported_versions("lobby-3", reply) == ("1.0", "1.5", "2")


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("1.5", (1, 5)),
        ("1.10", (1, 10)),
        ("2", (2,)),
        ("", ()),
        ("1.", ()),
        ("v1", ()),
        ("1.-1", ()),
        ("1." + "9" * 5000, ()),
        ("\u0661.0", ()),
    ],
)
def test_a_version_is_compared_by_numbers(version: str, numbers: tuple[int, ...]) -> None:
    """1.10 is newer than 1.9, and nonsense is no version."""
    assert numbers == wire.version_numbers(version)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", ValueError),
        (b"[" * 100_000, ValueError),
        (b"[]", TypeError),
        (b"{}", TypeError),
        (b'{"method":5}', TypeError),
        (b'{"method":"x","context":1}', TypeError),
        (b'{"method":"x","params":[]}', TypeError),
        (b'{"method":"x","apiVersion":null}', TypeError),
    ],
)
def test_no_json_and_a_wrong_shape_are_told_apart(body: bytes, error: type[Exception]) -> None:
    """A device answers them with different codes, and so does the simulator."""
    with pytest.raises(error, match=r".*"):
        wire.decode_request(body)


@pytest.mark.parametrize(
    ("record", "table"),
    [
        (NTPClientStatus, wire.STATUS_MEMBERS),
        (NTPClientConfiguration, wire.CONFIGURATION_MEMBERS),
    ],
)
def test_the_tables_cover_every_member(record: type, table: dict[str, Any]) -> None:
    """A member that the table forgets would never reach the wire."""
    members = {field.name for field in attrs.fields(record)} - {"other"}
    assert members == set(table)
    assert len(table) == len({name for name, _ in table.values()})


plain = st.text(st.characters(codec="utf-8"), max_size=8)
names = st.none() | st.lists(plain.filter(bool), max_size=3).map(tuple)
flags = st.none() | st.booleans()
whole = st.none() | st.integers(-(2**63) + 1, 2**63 - 1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | plain,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(plain, inner, max_size=2),
    max_leaves=4,
)
sources = st.none() | st.sampled_from(ServersSource) | plain.map(ServersSource.read)
known_members = {name for name, _ in wire.STATUS_MEMBERS.values()}


def others(known: set[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(plain.filter(lambda name: name not in known), json_values, max_size=2)


statuses = st.builds(
    NTPClientStatus,
    enabled=flags,
    nts_enabled=flags,
    ntske_server_ca_certs=names,
    servers_source=sources,
    max_supported_static_servers=whole,
    static_servers=names,
    advertised_servers=names,
    static_ntske_servers=names,
    synced=flags,
    time_to_next_sync_s=whole,
    time_offset_ms=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    minpoll=whole,
    maxpoll=whole,
    other=others(known_members),
)
infos = st.builds(
    NTPInfo,
    api_version=st.none() | plain,
    client=st.none() | statuses,
    server=st.none() | st.dictionaries(plain, json_values, max_size=2),
    other=others({"client", "server"}),
)


@given(infos, plain)
def test_what_is_encoded_can_be_decoded(info: NTPInfo, context: str) -> None:
    """Any status of any device, unknown sections and members included."""
    request = wire.Request(method=wire.GET_NTP_INFO, context=context)
    reply = wire.Reply(api_version=info.api_version, data=wire.encode_ntp_info(info))
    body = wire.encode_reply(request, reply)
    decoded = wire.decode_reply("lobby-3", body, context)
    assert info == wire.decode_ntp_info("lobby-3", decoded)


@given(
    st.builds(
        wire.Request,
        method=plain,
        context=st.none() | plain,
        api_version=st.none() | plain,
        params=st.none() | st.dictionaries(plain, json_values, max_size=3),
    )
)
def test_a_request_arrives_as_it_was_sent(request: wire.Request) -> None:
    """Whatever stands in it."""
    assert request == wire.decode_request(wire.encode_request(request))


@given(st.dictionaries(st.sampled_from(["data", "error", "context", "apiVersion"]), json_values))
def test_no_json_raises_anything_but_our_errors(members: dict[str, Any]) -> None:
    """A bug of ours would stop a whole run; a strange answer must not."""
    with contextlib.suppress(AxisNTPError):
        wire.decode_ntp_info("lobby-3", decode(members, "abc"))
    with contextlib.suppress(AxisNTPError):
        wire.decode_supported_versions("lobby-3", decode(members, "abc"))


@given(st.dictionaries(st.sampled_from(sorted(known_members)), json_values))
def test_no_client_section_raises_anything_but_our_errors(members: dict[str, Any]) -> None:
    """Member by member."""
    with contextlib.suppress(UnexpectedResponseError):
        decode_client(**members)
