"""What waits to be told survives a process as text."""

import pytest

from axis_ntp_async.service.undelivered import is_one, notices_in, texts_of


def test_it_comes_back() -> None:
    """By the names of channels; what others keep there is theirs."""
    notices = {"webhook at chat:443": [{"text": "Füße"}], "command notify": [{"text": "x"}]}
    texts = texts_of(notices)
    assert all(is_one(key) for key in texts)
    assert notices_in({**texts, "device cam": "{"}) == notices


@pytest.mark.parametrize("text", ["{", "5", '["x"]', "{}"])
def test_what_is_damaged_is_named(text: str) -> None:
    """Nothing that is no notice is ever sent."""
    with pytest.raises(ValueError, match="what waited for command notify is damaged"):
        notices_in({"undelivered command notify": text})
