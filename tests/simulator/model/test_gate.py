"""The login check, against the vectors of the RFCs and against what Apache does."""

import base64
import hashlib
from collections.abc import Callable

import pytest
from attrs import evolve

from axis_ntp_async.simulator.model.access import (
    BASIC,
    DIGEST,
    DIGEST_SHA256,
    Access,
    Offer,
    Protection,
)
from axis_ntp_async.simulator.model.camera import Camera
from axis_ntp_async.simulator.model.gate import (
    Attempt,
    Gate,
    Verdict,
    expected_response,
    parameters_of,
)

MakeCamera = Callable[..., Camera]

PATH = "/axis-cgi/ntp.cgi"
ATTEMPT = Attempt(
    method="POST", target=PATH, authorization=None, scheme="http", source="127.0.0.1"
)
RFC_7616 = {
    "username": "Mufasa",
    "realm": "http-auth@example.org",
    "uri": "/dir/index.html",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "nc": "00000001",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    "qop": "auth",
}
RFC_2617 = {
    "username": "Mufasa",
    "realm": "testrealm@host.com",
    "uri": "/dir/index.html",
    "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    "nc": "00000001",
    "cnonce": "0a4f113b",
    "qop": "auth",
}


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_vectors_of_rfc_7616(algorithm: str, expected: str) -> None:
    """Section 3.9.1."""
    given = expected_response(algorithm, RFC_7616, "Circle of Life", "GET")
    assert given.decode() == expected


def test_the_vector_of_rfc_2617() -> None:
    """Section 3.5."""
    given = expected_response("MD5", RFC_2617, "Circle Of Life", "GET")
    assert given == b"6629fae49393a05397450978507c4ef1"


def test_the_older_form_without_qop() -> None:
    """RFC 2069, with the values of RFC 2617."""
    old = {name: text for name, text in RFC_2617.items() if name not in {"qop", "nc", "cnonce"}}
    given = expected_response("MD5", old, "Circle Of Life", "GET")
    assert given == b"670fd8c2df070c60b045671b8b24ff02"


def digest(*parts: str, algorithm: str = "md5") -> str:
    return hashlib.new(algorithm, ":".join(parts).encode()).hexdigest()


def test_a_session_form_hashes_the_nonces_into_the_secret() -> None:
    """RFC 7616, 3.4.2, written out by hand."""
    nonce, cnonce = RFC_7616["nonce"], RFC_7616["cnonce"]
    secret = digest("Mufasa", "http-auth@example.org", "Circle of Life", algorithm="sha256")
    secret = digest(secret, nonce, cnonce, algorithm="sha256")
    request = digest("GET", "/dir/index.html", algorithm="sha256")
    by_hand = digest(secret, nonce, "00000001", cnonce, "auth", request, algorithm="sha256")
    given = expected_response("SHA-256-sess", RFC_7616, "Circle of Life", "GET")
    assert given.decode() == by_hand


def test_quoted_texts_may_have_quotes_commas_and_backslashes() -> None:
    """As the grammar of HTTP allows."""
    text = r'username="a\"b\\c, d=e", nc=00000001,qop=auth , cnonce=""'
    assert parameters_of(text) == {
        "username": 'a"b\\c, d=e',
        "nc": "00000001",
        "qop": "auth",
        "cnonce": "",
    }


@pytest.fixture
def camera(make_camera: MakeCamera) -> Camera:
    return make_camera(access=Access(), username="root", password="päss:wörd")


@pytest.fixture
def gate(camera: Camera) -> Gate:
    return Gate(camera)


def nonce_of(gate: Gate, now: float = 100.0) -> str:
    [(_, challenge)] = gate.challenges("http", now)
    return parameters_of(challenge.partition(" ")[2])["nonce"]


def login(gate: Gate, **changed: str) -> Attempt:
    """Make a right digest by hand, then change what the test wants wrong."""
    given = {
        "username": "root",
        "realm": "AXIS_ACCC8E000001",
        "nonce": changed.pop("nonce", "") or nonce_of(gate),
        "uri": PATH,
        "qop": "auth",
        "nc": "00000001",
        "cnonce": "c",
    }
    password = changed.pop("password", "päss:wörd")
    secret = digest(given["username"], given["realm"], password)
    given["response"] = digest(
        secret, given["nonce"], given["nc"], given["cnonce"], "auth", digest("POST", PATH)
    )
    text = ", ".join(f'{name}="{value}"' for name, value in {**given, **changed}.items())
    return evolve(ATTEMPT, authorization=f"Digest {text}")


def basic(username: str, password: str, *, scheme: str = "https") -> Attempt:
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    return evolve(ATTEMPT, authorization=f"Basic {token}", scheme=scheme)


def test_a_right_digest_is_admitted(gate: Gate) -> None:
    """With a password beyond ASCII and with a colon."""
    assert gate.check(login(gate), 101.0) is Verdict.ADMITTED
    assert gate.failures == 0


def test_who_shows_nothing_is_asked(gate: Gate) -> None:
    """And has not failed."""
    assert gate.check(ATTEMPT, 100.0) is Verdict.NO_LOGIN
    assert gate.failures == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"password": "wrong"},
        {"username": "admin"},
        {"realm": "AXIS_000000000000"},
        {"qop": "auth-int"},
        {"nc": "1"},
        {"cnonce": ""},
        {"response": ""},
        {"algorithm": "SHA-256"},
    ],
)
def test_a_wrong_digest_is_refused(gate: Gate, changed: dict[str, str]) -> None:
    """Whatever it is that is wrong, it counts as a failed login."""
    assert gate.check(login(gate, **changed), 101.0) is Verdict.REFUSED
    assert gate.failures == 1


@pytest.mark.parametrize("header", ["Bearer abc", "Basic ", "Basic !", "Basic cm9vdA=="])
def test_what_was_not_offered_is_refused(gate: Gate, header: str) -> None:
    """Only the offered schemes are looked at."""
    attempt = evolve(ATTEMPT, authorization=header)
    assert gate.check(attempt, 100.0) is Verdict.REFUSED
    assert gate.check(evolve(attempt, scheme="https"), 100.0) is Verdict.REFUSED


def test_a_digest_for_another_address_is_malformed(gate: Gate) -> None:
    """Apache says 400, not 401."""
    assert gate.check(login(gate, uri="/other"), 101.0) is Verdict.MALFORMED


def test_an_old_nonce_is_stale_only_for_who_knows_the_password(gate: Gate, camera: Camera) -> None:
    """Apache looks at the nonce last."""
    camera.access = Access(nonce_lifetime_s=10.0)
    old = nonce_of(gate, 100.0)
    assert gate.check(login(gate, nonce=old), 109.9) is Verdict.ADMITTED
    assert gate.check(login(gate, nonce=old), 110.1) is Verdict.STALE
    assert gate.check(login(gate, nonce=old, password="wrong"), 110.1) is Verdict.REFUSED
    assert "stale=true" in gate.challenges("http", 110.1, stale=True)[0][1]


@pytest.mark.parametrize("nonce", ["made up", "=" * 60])
def test_a_nonce_that_we_never_gave_is_stale(gate: Gate, nonce: str) -> None:
    """As with Apache after a restart."""
    assert gate.check(login(gate, nonce=nonce), 100.0) is Verdict.STALE


def test_rotated_nonces_are_stale(gate: Gate) -> None:
    """All that were given before."""
    attempt = login(gate)
    gate.rotate_nonces()
    assert gate.check(attempt, 101.0) is Verdict.STALE


def test_a_count_may_come_once_where_counts_are_looked_at(gate: Gate, camera: Camera) -> None:
    """A repeated request is somebody's recording."""
    attempt = login(gate)
    assert [gate.check(attempt, 101.0) for _ in range(2)] == [Verdict.ADMITTED] * 2
    camera.access = Access(counts=True)
    assert gate.check(attempt, 101.0) is Verdict.ADMITTED
    assert gate.check(attempt, 101.0) is Verdict.REFUSED


def test_basic_is_admitted_where_it_is_offered(gate: Gate) -> None:
    """By default over HTTPS; the password may have a colon."""
    assert gate.check(basic("root", "päss:wörd"), 100.0) is Verdict.ADMITTED
    assert gate.check(basic("root", "päss"), 100.0) is Verdict.REFUSED
    assert gate.check(basic("root", "päss:wörd", scheme="http"), 100.0) is Verdict.REFUSED


def test_without_offers_everybody_comes_in(gate: Gate, camera: Camera) -> None:
    """Policy none."""
    camera.access = Access(offers=())
    assert gate.check(ATTEMPT, 100.0) is Verdict.ADMITTED
    assert gate.challenges("http", 100.0) == []


def test_a_factory_default_camera_lets_nobody_in(gate: Gate, camera: Camera) -> None:
    """There is no user yet; a header says so."""
    attempt = login(gate)
    camera.access = Access(factory_default=True)
    assert gate.check(attempt, 101.0) is Verdict.REFUSED
    assert ("axis-setup", "vapix") in gate.challenges("http", 101.0)


def test_challenges_come_in_one_header_or_in_several(gate: Gate, camera: Camera) -> None:
    """In the order of the offers."""
    camera.access = Access(offers=(DIGEST_SHA256, DIGEST, BASIC))
    several = gate.challenges("http", 100.0)
    assert [text.split(" ")[0] for _, text in several] == ["Digest", "Digest", "Basic"]
    camera.access = evolve(camera.access, one_header=True)
    [(name, text)] = gate.challenges("http", 100.0)
    assert name == "WWW-Authenticate"
    assert text == ", ".join(text for _, text in several)


def test_a_challenge_reads_like_a_recorded_one(gate: Gate, camera: Camera) -> None:
    """Realm, nonce, algorithm and qop, in this order."""
    [(_, text)] = gate.challenges("http", 100.0)
    assert text.startswith('Digest realm="AXIS_ACCC8E000001", nonce="')
    assert text.endswith(', algorithm=MD5, qop="auth"')
    assert len(nonce_of(gate)) == 52
    camera.access = Access(offers=(Offer(qop=False),))
    assert gate.challenges("http", 100.0)[0][1].endswith("algorithm=MD5")


def test_twenty_failures_in_a_second_block_the_address(gate: Gate) -> None:
    """Everything from there is refused for ten seconds; other addresses are not."""
    attempts = [(login(gate, password="wrong"), 100.0 + place / 25) for place in range(20)]
    for attempt, now in attempts[:19]:
        gate.check(attempt, now)
    assert not gate.is_blocked("127.0.0.1", 100.8)
    gate.check(*attempts[19])
    assert gate.is_blocked("127.0.0.1", 100.8)
    assert gate.is_blocked("127.0.0.1", 110.7)
    assert not gate.is_blocked("127.0.0.2", 101.0)
    assert not gate.is_blocked("127.0.0.1", 110.8)


def test_slow_guesses_are_not_noticed(gate: Gate) -> None:
    """Ten a second are too few."""
    for place in range(100):
        gate.check(login(gate, password="wrong"), 100.0 + place / 10)
    assert not gate.is_blocked("127.0.0.1", 110.0)


def test_asking_during_a_block_may_prolong_it(gate: Gate, camera: Camera) -> None:
    """As upstream mod_evasive does."""
    camera.access = Access(protection=Protection(failures=1, prolonged=True))
    gate.check(login(gate, password="wrong"), 100.0)
    assert gate.is_blocked("127.0.0.1", 109.0)
    assert gate.is_blocked("127.0.0.1", 118.0)
    assert not gate.is_blocked("127.0.0.1", 128.0)


def test_without_protection_nobody_is_blocked(gate: Gate, camera: Camera) -> None:
    """Firmware before 11.5."""
    camera.access = Access(protection=None)
    for _ in range(30):
        gate.check(login(gate, password="wrong"), 100.0)
    assert gate.failures == 30
    assert not gate.is_blocked("127.0.0.1", 100.0)
