"""Which request a fault strikes, and what its answers look like."""

import gzip
import random

import pytest

from axis_ntp_async.simulator.model.faults import (
    OVERSIZE_BYTES,
    Answer,
    Dice,
    Fault,
    Kind,
    busy,
    faults_of,
    spoiled,
)


@pytest.fixture
def dice() -> Dice:
    return Dice(random.Random(1))  # noqa: S311  a seed is what we want


def test_faults_may_be_named_briefly() -> None:
    """A bare kind stands for a fault that always strikes; one stands for a tuple of one."""
    assert faults_of(Kind.SILENT) == (Fault(Kind.SILENT),)
    assert faults_of([Kind.BUSY, Fault(Kind.SLOW, rate=0.5)]) == (
        Fault(Kind.BUSY),
        Fault(Kind.SLOW, rate=0.5),
    )


def test_a_rate_is_a_share_of_requests(dice: Dice) -> None:
    """One in ten, over many."""
    fault = Fault(Kind.RESET, rate=0.1)
    struck = sum(dice.strike([fault], Kind.RESET) is not None for _ in range(2000))
    assert struck == pytest.approx(200, abs=50)


def test_a_fault_may_be_over_after_a_while(dice: Dice) -> None:
    """It strikes the first requests only."""
    fault = Fault(Kind.BUSY, first=2)
    assert [dice.strike([fault], Kind.BUSY) for _ in range(3)] == [fault, fault, None]


def test_other_kinds_do_not_strike(dice: Dice) -> None:
    """Each layer asks for its own kinds."""
    assert dice.strike([Fault(Kind.BUSY)], Kind.RESET, Kind.SILENT) is None


def test_a_truncated_answer_says_how_much_is_missing() -> None:
    """Its length was announced in full."""
    half = spoiled(Answer(body=b"12345"), Kind.TRUNCATED)
    assert (half.body, half.missing_bytes) == (b"12", 3)


def test_a_bomb_is_small_on_the_wire() -> None:
    """And large behind it."""
    bomb = spoiled(Answer(body=b"{}"), Kind.BOMB)
    assert len(bomb.body) < 10_000
    assert len(gzip.decompress(bomb.body)) == OVERSIZE_BYTES
    assert bomb.headers == (("Content-Encoding", "gzip"),)


def test_busy_says_when_to_come_again() -> None:
    """In whole seconds, as HTTP wants it."""
    assert busy(2.0).headers == (("Retry-After", "2"),)
