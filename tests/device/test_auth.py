"""Which challenge is answered, and how; no network, only what the session is told to send."""

import base64
import contextlib
import copy
import hashlib
import json
import pickle
import re
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis_ntp_async.device import auth
from axis_ntp_async.device.auth import Challenge, Credentials, Login, parse_challenges
from axis_ntp_async.device.records import Device
from axis_ntp_async.errors import (
    AxisNTPError,
    CredentialsError,
    IdentityMismatchError,
    LoginRefusedError,
    PlaintextLoginError,
    UnexpectedResponseError,
)

RECORDED = Path(__file__).parents[2].parent / "shared" / "answers"

HTTP = Device(name="lobby-3", host="192.0.2.17", scheme="http", serial="ACCC8E012345")
HTTPS = attrs.evolve(HTTP, scheme="https", port=443)
ROOT = Credentials("root", "pass")
DIGEST = 'Digest realm="AXIS_ACCC8E012345", nonce="abc", algorithm=MD5, qop="auth"'
STALE = DIGEST + ", stale=true"
BASIC = 'Basic realm="AXIS_ACCC8E012345"'
OTHER = 'Digest realm="AXIS_00408C000000", nonce="abc", algorithm=MD5, qop="auth"'

RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
MUFASA = Credentials("Mufasa", "Circle of Life")


def parameters_of(header: str | None) -> dict[str, str]:
    """Read an `Authorization` header, with other code than ours."""
    assert header is not None
    assert header.startswith("Digest ")
    found = re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^,\s"]+))(?:, |$)', header[7:])
    return {name: re.sub(r"\\(.)", r"\1", quoted) or bare for name, quoted, bare in found}


def header_of(login: Login, method: str = "POST", path: str = "/x") -> str | None:
    """Give the header that the next call begins with."""
    return login.opening.header(method, path) if login.opening else None


def answer(challenge: str, credentials: Credentials = ROOT, device: Device = HTTP) -> str:
    """Give the header that answers one challenge."""
    return Login(device, credentials).take([challenge]).header("POST", "/axis-cgi/ntp.cgi")


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_vectors_of_rfc_7616_come_out(
    monkeypatch: pytest.MonkeyPatch, algorithm: str, response: str
) -> None:
    """Source: RFC 7616, 3.9.1."""
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    monkeypatch.setattr("secrets.token_hex", lambda _: cnonce)
    login = Login(HTTP, MUFASA)
    login.take([RFC_7616.format(algorithm)])
    assert parameters_of(header_of(login, "GET", "/dir/index.html")) == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": cnonce,
        "qop": "auth",
        "response": response,
        "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    }


def test_without_qop_the_form_is_the_old_one() -> None:
    """Neither count nor client nonce; the response is that of RFC 2069 for the same words."""
    login = Login(HTTP, Credentials("Mufasa", "Circle Of Life"))
    login.take(['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'])
    sent = parameters_of(header_of(login, "GET", "/dir/index.html"))
    assert sent == {
        "username": "Mufasa",
        "realm": "testrealm@host.com",
        "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "uri": "/dir/index.html",
        "response": "670fd8c2df070c60b045671b8b24ff02",
    }


@pytest.mark.parametrize("qop", [True, False])
@pytest.mark.parametrize(("algorithm", "kind"), [("MD5-sess", "md5"), ("SHA-256-sess", "sha256")])
def test_a_session_key_has_both_nonces_in_it(algorithm: str, kind: str, qop: bool) -> None:
    """The client nonce is sent also without qop: the device could not check it otherwise."""

    def digest(*parts: str) -> str:
        return hashlib.new(kind, ":".join(parts).encode()).hexdigest()

    asked = ', qop="auth"' if qop else ""
    sent = parameters_of(answer(f'Digest realm="r", nonce="n", algorithm={algorithm}{asked}'))
    secret = digest(digest("root", "r", "pass"), "n", sent["cnonce"])
    target = digest("POST", "/axis-cgi/ntp.cgi")
    middle = ("n", "00000001", sent["cnonce"], "auth") if qop else ("n",)
    assert digest(secret, *middle, target) == sent["response"]
    assert algorithm == sent["algorithm"]


def test_each_use_of_a_challenge_counts_up() -> None:
    """A device may refuse a count that it has seen."""
    login = Login(HTTP, ROOT)
    login.take([DIGEST])
    sent = [parameters_of(header_of(login)) for _ in range(3)]
    assert [one["nc"] for one in sent] == ["00000001", "00000002", "00000003"]
    assert len({one["response"] for one in sent}) == 3


def test_two_answers_have_two_client_nonces() -> None:
    """They are not guessed."""
    assert parameters_of(answer(DIGEST))["cnonce"] != parameters_of(answer(DIGEST))["cnonce"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        (", ,", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="a"', [("basic", {"realm": "a"})]),
        ('BASIC REALM = "a"', [("basic", {"realm": "a"})]),
        ("Basic realm=a", [("basic", {"realm": "a"})]),
        ('Basic realm=""', [("basic", {"realm": ""})]),
        ('Basic realm="a, b=c"', [("basic", {"realm": "a, b=c"})]),
        (r'Basic realm="a \"b\" \\ c"', [("basic", {"realm": r'a "b" \ c'})]),
        (
            'Digest realm="a", nonce="n=="; Basic realm="b"',
            [("digest", {"realm": "a", "nonce": "n=="}), ("basic", {"realm": "b"})],
        ),
        (
            'Digest realm="a",nonce="n" , Basic realm="b",Negotiate',
            [
                ("digest", {"realm": "a", "nonce": "n"}),
                ("basic", {"realm": "b"}),
                ("negotiate", {}),
            ],
        ),
        ("Negotiate YWJj==", [("negotiate", {"ywjj": "="})]),
        ('realm="a", Basic realm="b"', [("basic", {"realm": "b"})]),
    ],
)
def test_a_header_is_read(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    """One challenge or several, in any spelling that RFC 9110 allows."""
    assert [Challenge(scheme=one, parameters=two) for one, two in expected] == list(
        parse_challenges([header])
    )


@pytest.mark.parametrize(
    "header",
    ['Negotiate a/b+c==, Digest realm="x"', '"stray, Digest realm="x"', '@@@ Digest realm="x"'],
)
def test_what_follows_nonsense_is_still_read(header: str) -> None:
    """A challenge behind one that we cannot read may be the one we can answer."""
    assert Challenge(scheme="digest", parameters={"realm": "x"}) in parse_challenges([header])


def test_several_headers_are_read_in_order() -> None:
    """Devices use both forms."""
    assert parse_challenges([BASIC, DIGEST]) == parse_challenges([f"{BASIC}, {DIGEST}"])


@pytest.mark.skipif(not RECORDED.is_dir(), reason="no recorded answers stand beside the project")
def test_recorded_challenges_are_understood() -> None:
    """What devices really ask."""
    for path in sorted(RECORDED.glob("http_*.json")):
        headers = json.loads(path.read_bytes())["response"]["headers"]
        text = next(value for name, value in headers.items() if "uthenticate" in name)
        [challenge] = parse_challenges([text])
        assert challenge.is_usable
        assert challenge.parameters["realm"].startswith("AXIS_")


@pytest.mark.parametrize(
    "challenge",
    [
        'Digest nonce="n"',
        'Digest realm="r"',
        'Digest realm="r", nonce="n", algorithm=SHA-512-256',
        'Digest realm="r", nonce="n", algorithm=MD5-sess-sess',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r", nonce="n", qop=""',
        'Digest realm="r", nonce="n\x01"',
        'Digest realm="r\udcff", nonce="n"',
        "Negotiate",
        "Bearer",
        "",
    ],
)
def test_a_challenge_that_we_cannot_answer_is_told(challenge: str) -> None:
    """With what the device offers; nothing of the credentials was touched."""
    with pytest.raises(
        UnexpectedResponseError, match="wants a login that we cannot give"
    ) as caught:
        answer(challenge)
    offered = challenge.partition(" ")[0].lower() or "none"
    assert f"(offers {offered})" in caught.value.message


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ([DIGEST, BASIC], "Digest"),
        ([BASIC, DIGEST], "Digest"),
        ([f"{BASIC}, {DIGEST}"], "Digest"),
        ([DIGEST, DIGEST.replace("MD5", "SHA-256")], "algorithm=SHA-256"),
        ([DIGEST.replace("MD5", "SHA-256"), DIGEST], "algorithm=SHA-256"),
        ([DIGEST.replace("MD5", "SHA-256-sess"), DIGEST, BASIC], "algorithm=SHA-256-sess"),
        ([DIGEST.replace("MD5", "SHA-512-256"), DIGEST], "algorithm=MD5"),
        ([DIGEST.replace("MD5", "SHA-512-256"), BASIC], "Basic"),
        (["Negotiate", "NTLM", BASIC], "Basic"),
        ([BASIC], "Basic"),
    ],
)
def test_the_strongest_usable_challenge_wins(offered: list[str], expected: str) -> None:
    """Whatever the order, in one header or in several."""
    login = Login(HTTPS, ROOT)
    login.take(offered)
    assert expected in (header_of(login) or "")


def test_basic_is_sent_over_tls() -> None:
    """In UTF-8."""
    header = answer(BASIC, Credentials("zoë", 'p:a"s\\ß'), HTTPS)
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == 'zoë:p:a"s\\ß'


def test_basic_is_not_sent_in_clear_text() -> None:
    """Unless the operator allows it for that device."""
    with pytest.raises(PlaintextLoginError, match="plaintext_basic = true"):
        answer(BASIC)
    assert answer(BASIC, device=attrs.evolve(HTTP, plaintext_basic=True))


def test_basic_in_clear_text_is_no_way_around_a_digest_that_we_cannot_answer() -> None:
    """The strongest usable one is Basic then, and that is refused."""
    login = Login(HTTP, ROOT)
    with pytest.raises(PlaintextLoginError):
        login.take([BASIC, DIGEST.replace("MD5", "SHA-512-256")])
    assert login.opening is None


def test_basic_cannot_carry_a_colon_in_the_user_name() -> None:
    """The device would cut the name at it, and count a failed login."""
    with pytest.raises(LoginRefusedError, match="colon"):
        answer(BASIC, Credentials("a:b", "pass"), HTTPS)


@pytest.mark.parametrize("username", ["zoë", 'a"b', "a\\b", "a:b", "a, b=c"])
@pytest.mark.parametrize("password", ["", "ü€😀", 'a"b', "a\\b", "a:b", "a\tb\n"])
def test_any_user_name_and_password_can_be_sent_as_a_digest(username: str, password: str) -> None:
    """In UTF-8, with the name quoted."""
    sent = parameters_of(answer('Digest realm="r", nonce="n"', Credentials(username, password)))
    secret = hashlib.md5(f"{username}:r:{password}".encode()).hexdigest()  # noqa: S324  the RFC's
    target = hashlib.md5(b"POST:/axis-cgi/ntp.cgi").hexdigest()  # noqa: S324  the RFC's
    expected = hashlib.md5(f"{secret}:n:{target}".encode()).hexdigest()  # noqa: S324  the RFC's
    assert (username, expected) == (sent["username"], sent["response"])


@pytest.mark.parametrize("headers", [[OTHER], [DIGEST, OTHER], [f"{BASIC}, {OTHER}"]])
@pytest.mark.parametrize("credentials", [ROOT, None])
def test_another_identity_is_found_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, headers: list[str], credentials: Credentials | None
) -> None:
    """No hash, no header, nothing remembered."""
    monkeypatch.setattr(auth, "_hash", lambda *_: pytest.fail("made something of the password"))
    login = Login(HTTP, credentials)
    with pytest.raises(IdentityMismatchError, match="answers 00408C000000, not ACCC8E012345"):
        login.take(headers)
    assert header_of(login) is None


def test_another_identity_ends_what_was_remembered() -> None:
    """Otherwise the next call would greet the stranger with a login."""
    login = Login(HTTP, ROOT)
    login.take([DIGEST])
    with pytest.raises(IdentityMismatchError):
        login.take([OTHER])
    assert header_of(login) is None


@pytest.mark.parametrize(
    ("serial", "realm"),
    [
        (None, "AXIS_00408C000000"),
        ("ACCC8E012345", "AXIS_accc8e012345"),
        ("ACCC8E012345", "AXIS_ACCC8E"),
        ("ACCC8E012345", "My cameras"),
        ("ACCC8E012345", ""),
    ],
)
def test_a_realm_without_another_serial_is_fine(serial: str | None, realm: str) -> None:
    """The operator may have set it, or not told the serial."""
    device = attrs.evolve(HTTP, serial=serial)
    sent = parameters_of(answer(f'Digest realm="{realm}", nonce="n"', device=device))
    assert realm == sent["realm"]


def test_without_credentials_there_is_no_login() -> None:
    """The message says what is missing."""
    login = Login(HTTP, None)
    with pytest.raises(LoginRefusedError, match="no credentials are named"):
        login.take([DIGEST])
    assert login.opening is None


def test_a_refused_login_is_final_and_forgotten() -> None:
    """The next call begins by asking again, which costs no failed login."""
    login = Login(HTTP, ROOT)
    login.take([DIGEST])
    with pytest.raises(LoginRefusedError, match="refuses the user name or the password"):
        login.take([DIGEST], login.opening)
    assert header_of(login) is None
    login.take([DIGEST])
    assert login.opening is not None


def test_a_stale_nonce_is_answered_anew() -> None:
    """With the new nonce, and a count that begins again."""
    login = Login(HTTP, ROOT)
    login.take([DIGEST])
    header_of(login)
    login.take([STALE.replace("abc", "def")], login.opening)
    sent = parameters_of(header_of(login))
    assert (sent["nonce"], sent["nc"]) == ("def", "00000001")


def test_a_newer_challenge_is_not_forgotten() -> None:
    """Two calls begin together: the second 401 is answered like the first, and is no refusal."""
    login = Login(HTTP, ROOT)
    first = login.take([DIGEST])
    assert login.take([DIGEST.replace("abc", "def")]) is first
    newer = login.take([STALE], first)
    assert newer is not first
    assert login.take([STALE], first) is newer


def test_a_refusal_is_final_also_beside_a_newer_challenge() -> None:
    """It was a failed login; but what the other call has learnt is kept."""
    login = Login(HTTP, ROOT)
    first = login.take([DIGEST])
    newer = login.take([STALE], first)
    with pytest.raises(LoginRefusedError, match="refuses the user name or the password"):
        login.take([DIGEST], first)
    assert login.opening is newer


@pytest.mark.parametrize(
    ("members", "asks_first"),
    [
        ({"tls": "insecure"}, True),
        ({"scheme": "http", "plaintext_basic": True}, True),
        ({"scheme": "http", "plaintext_basic": True, "serial": None}, False),
        ({"tls": "insecure", "serial": None}, False),
        ({"tls": "tofu"}, False),
        ({"tls": "verify"}, False),
        ({"tls": "pin:" + "ab" * 32}, False),
        ({"tls": "axis-idevid:ca.pem"}, False),
    ],
)
def test_basic_waits_for_the_realm_where_nothing_else_proves_the_device(
    members: dict[str, Any], asks_first: bool
) -> None:
    """The password would be told to whoever answers at its address now; a digest tells nothing."""
    login = Login(attrs.evolve(HTTPS, **members), ROOT)
    login.take([BASIC])
    assert asks_first == (login.opening is None)
    login = Login(login.device, ROOT)
    login.take([DIGEST])
    assert login.opening is not None


@pytest.mark.parametrize(
    ("status", "headers", "accepted"),
    [
        (200, [], True),
        (404, [], True),
        (405, [], True),
        (500, [], True),
        (401, [DIGEST], False),
        (401, [STALE], None),
        (401, [STALE.replace("true", '"TRUE"')], None),
        (401, [], False),
        (403, [], None),
        (503, [], None),
    ],
)
def test_an_answer_tells_whether_the_login_was_right(
    status: int, headers: list[str], accepted: bool | None
) -> None:
    """Or does not tell, as 403 and 503, and a nonce that is merely too old."""
    assert accepted == Login(HTTP, ROOT).was_accepted(status, headers)


@pytest.mark.parametrize(
    ("username", "password"),
    [("a\nb", "x"), ("a\x7f", "x"), ("a\udcff", "x"), ("root", "s3cret\udcff")],
)
def test_credentials_that_cannot_be_sent_are_refused(username: str, password: str) -> None:
    """The message does not tell the password."""
    with pytest.raises(CredentialsError) as caught:
        Credentials(username, password)
    assert "s3cret" not in str(caught.value)


def test_credentials_show_no_password() -> None:
    """Neither as text nor in what holds them, and no pickle carries it away."""
    secret = "s3cret"
    credentials = Credentials("root", secret)
    for scheme in (DIGEST, BASIC):
        login = Login(HTTPS, credentials)
        login.take([scheme])
        for shown in (repr(credentials), str(credentials), f"{credentials}", repr(login)):
            assert secret not in shown
            assert base64.b64encode(b"root:s3cret").decode() not in shown
    for carry in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            carry(credentials)


challenges = st.lists(
    st.sampled_from([DIGEST, BASIC, OTHER, STALE, "Digest", "realm=", '"', "\\", ",", "=", " "])
    | st.text(max_size=6),
    max_size=6,
).map("".join)


@given(st.lists(challenges, max_size=3), st.sampled_from([HTTP, HTTPS]))
def test_no_header_raises_anything_but_our_errors(headers: list[str], device: Device) -> None:
    """And what we answer stays on one line, so that nobody adds a header to it."""
    login = Login(device, ROOT)
    for _ in range(2):
        with contextlib.suppress(AxisNTPError):
            login.take(headers, login.opening)
        sent = header_of(login) or ""
        assert sent.isprintable()
        assert device is HTTPS or not sent.startswith("Basic")


@given(st.binary(max_size=60))
def test_no_bytes_of_a_header_raise_anything(raw: bytes) -> None:
    """Decoded as aiohttp decodes them."""
    for challenge in parse_challenges([raw.decode("utf-8", "surrogateescape")]):
        assert challenge.is_usable in {True, False}
