"""What a watch keeps between its sweeps, and how that survives its end. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import cattrs
from attrs import define, evolve, field
from cattrs.preconf.json import make_converter

from axis_ntp_async.errors import HistoryError
from axis_ntp_async.health.watch.belief import Hidden
from axis_ntp_async.health.watch.events import Topic
from axis_ntp_async.health.watch.site_causes import SiteCause, SiteKey
from axis_ntp_async.health.watch.standing import Standing

_CONVERTER: Final = make_converter(omit_if_default=True)
_DEVICE: Final = "device "
_SITE_CAUSE: Final = "site cause "
_HIDDEN: Final = "hidden "
_SAID: Final = "said "


@define
class WatchMemory:
    """
    What a watch has learned.

    Attributes:
        standings: How every device stands, by its name.
        site_causes: What devices of a site have in common, by site and trouble.

        hidden:
            Devices whose changes are part of the trouble of their site, and not told
            by themselves.

        said: What is so of ourselves and was told, by its topic.
    """

    standings: dict[str, Standing] = field(factory=dict)
    site_causes: dict[SiteKey, SiteCause] = field(factory=dict)
    hidden: dict[str, Hidden] = field(factory=dict)
    said: dict[Topic, str] = field(factory=dict)

    def forget_others(self, names: frozenset[str]) -> frozenset[str]:
        """Let go of devices that are no more; give their names."""
        gone = frozenset(self.standings.keys() - names)
        for name in gone:
            del self.standings[name]
            self.hidden.pop(name, None)
        return gone

    def plain(self, *, with_offsets: bool) -> dict[str, str]:
        """
        Give it as texts by keys, to be kept somewhere.

        Args:
            with_offsets:
                Also keep offsets that move. They change with every look, so a process
                that goes on for months keeps them to itself; one that ends after each
                sweep could not tell otherwise which of them stand still.
        """
        return {
            **{
                _DEVICE + name: _text(_lasting(one, with_offset=with_offsets))
                for name, one in self.standings.items()
            },
            **{
                f"{_SITE_CAUSE}{trouble.value} {site}": _text(one)
                for (site, trouble), one in self.site_causes.items()
            },
            **{_HIDDEN + name: _text(one) for name, one in self.hidden.items()},
            **{_SAID + topic.value: text for topic, text in self.said.items()},
        }

    @classmethod
    def from_plain(cls, texts: Mapping[str, str]) -> WatchMemory:
        """
        Give back what `plain` gave.

        Raises:
            HistoryError: It cannot be read.
        """
        memory = cls()
        try:
            for key, text in texts.items():
                memory._take_in(key, text)
        except (ValueError, KeyError, cattrs.BaseValidationError) as error:
            raise HistoryError(f"the memory of the watch is damaged at {key!r}") from error
        return memory

    def _take_in(self, key: str, text: str) -> None:
        if key.startswith(_DEVICE):
            standing = _CONVERTER.loads(text, Standing)
            self.standings[key.removeprefix(_DEVICE)] = standing
        elif key.startswith(_SITE_CAUSE):
            cause = _CONVERTER.loads(text, SiteCause)
            self.site_causes[cause.key] = cause
        elif key.startswith(_HIDDEN):
            self.hidden[key.removeprefix(_HIDDEN)] = _CONVERTER.loads(text, Hidden)
        elif key.startswith(_SAID):
            self.said[Topic(key.removeprefix(_SAID))] = text


def _lasting(standing: Standing, *, with_offset: bool) -> Standing:
    """Leave out what changes with every look: when that was, and an offset that moves."""
    moves = standing.offset_since == standing.seen_at and not with_offset
    return evolve(
        standing,
        seen_at=standing.first_seen,
        offset_ms=None if moves else standing.offset_ms,
        offset_since=standing.first_seen if moves else standing.offset_since,
    )


def _text(record: Standing | SiteCause | Hidden) -> str:
    return json.dumps(_CONVERTER.unstructure(record), ensure_ascii=False)
