"""Options say the same as the files that do the work."""

import click

from axis_ntp_async.cli import options
from axis_ntp_async.health.finding import PROFILES
from axis_ntp_async.inventory.formats import reader


def test_every_format_can_be_asked_for() -> None:
    """The two lists are equal; options only cannot afford the import."""
    assert options.FORMATS == reader.FORMATS


def test_every_profile_can_be_asked_for() -> None:
    """Likewise."""
    kind = options.SETTINGS["profile"].type
    assert isinstance(kind, click.Choice)
    assert tuple(kind.choices) == (*PROFILES,)
