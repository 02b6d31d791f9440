"""What tests of several floors need: one device, and answers without a network."""

import functools
from collections.abc import Iterator
from unittest.mock import Mock

import aiohttp
import aioresponses
import pytest

from axis_ntp_async.device.records import Device


@pytest.fixture
def device() -> Device:
    """A device without TLS and without a login."""
    return Device(name="lobby-3", host="192.0.2.17", scheme="http", serial="ACCC8E012345")


@pytest.fixture
def responses(monkeypatch: pytest.MonkeyPatch) -> Iterator[aioresponses.aioresponses]:
    """
    aiohttp without a network.

    aiohttp 3.14 wants a `stream_writer` that aioresponses 0.7.9 does not give it.
    """
    response = functools.partial(aiohttp.ClientResponse, stream_writer=Mock(output_size=0))
    monkeypatch.setattr("aioresponses.core.ClientResponse", response)
    with aioresponses.aioresponses() as mocked:
        yield mocked
