"""Who may look at a watch, and under which name."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from axis_ntp_async.service.access import HEADERS, Access, guarded, is_loopback_address

TOKEN = "0123456789abcdefÄ"

Opener = Callable[[Access], Awaitable[TestClient[web.Request, web.Application]]]


@pytest.fixture
async def open_client() -> AsyncIterator[Opener]:
    """A little service behind the guard."""
    clients = []

    async def open_it(access: Access) -> TestClient[web.Request, web.Application]:
        application = web.Application(middlewares=[guarded(access)])

        async def hello(_: web.Request) -> web.Response:
            return web.Response(text="hello")

        application.add_routes([web.get("/", hello)])
        client = TestClient(TestServer(application))
        await client.start_server()
        clients.append(client)
        return client

    yield open_it
    for client in clients:
        await client.close()


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9108", "127.0.0.1", "127.1.2.3:80", "[::1]:9108", "[::1]"]
)
async def test_names_of_this_machine_will_do(open_client: Opener, host: str) -> None:
    """Without a token whoever is here may look."""
    client = await open_client(Access())
    answer = await client.get("/", headers={"Host": host})
    assert answer.status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
async def test_a_name_that_somebody_made_up_will_not(open_client: Opener, host: str) -> None:
    """A page in a browser here may point its own name at us; it gets nothing."""
    client = await open_client(Access())
    answer = await client.get("/", headers={"Host": host})
    assert answer.status == 421
    assert "hello" not in await answer.text()


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}", f"bearer {TOKEN}", basic(TOKEN)])
async def test_the_token_opens_under_any_name(open_client: Opener, authorization: str) -> None:
    """Programs send it as a bearer token, browsers as a password."""
    client = await open_client(Access(token=TOKEN))
    async with ClientSession() as session:
        url = client.make_url("/")
        headers = {"Host": "watch.example", "Authorization": authorization}
        async with session.get(url, headers=headers) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        f"Token {TOKEN}",
        TOKEN,
        basic("wrong"),
        "Basic ????",
        "Bearer \udcff\udcfe",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Basic " + base64.b64encode(TOKEN.encode()).decode(),
    ],
)
async def test_nothing_else_opens(open_client: Opener, authorization: str | None) -> None:
    """Browsers are asked for it, and nobody is told what was wrong."""
    client = await open_client(Access(token=TOKEN))
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await client.get("/", headers=headers)
    assert answer.status == 401
    assert [value.split()[0] for value in answer.headers.getall("WWW-Authenticate")] == [
        "Basic",
        "Bearer",
    ]


async def test_other_pages_and_methods_are_short_answers(open_client: Opener) -> None:
    """Nobody needs a page of aiohttp's to read that there is nothing, and nothing is written."""
    client = await open_client(Access())
    assert (await client.get("/nothing")).status == 404
    posted = await client.post("/")
    assert (posted.status, posted.headers["Allow"]) == (405, "GET,HEAD")


def test_the_token_is_in_no_repr() -> None:
    """It would end up in somebody's log."""
    assert TOKEN not in repr(Access(token=TOKEN))


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104  nothing is bound
        ("::", False),
        ("10.0.0.1", False),
        ("host.example", False),
    ],
)
def test_who_is_heard_here_only(host: str, *, is_here: bool) -> None:
    """All other addresses need a token."""
    assert is_loopback_address(host) is is_here


def test_browsers_are_told_to_be_careful() -> None:
    """No frames, no guessing of types, no referrer, nothing kept."""
    assert HEADERS["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in HEADERS["Content-Security-Policy"]
