"""The page on the card: whole in one file, and no name in it is believed."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.box.start_here import Stage, Standing, Trouble, page


class Read(HTMLParser):
    """Its tags, what they name, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.named: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.named += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset", "data")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("stage", list(Stage))
def test_it_fetches_nothing_and_sends_nothing(stage: Stage) -> None:
    text = page(Standing(stage, "1234-5678", ("192.168.1.23",)))
    assert set(Read(text).named) == {"http://releve.local", "http://10.42.0.1"}
    assert not re.search(r"url\(|@import|XMLHttpRequest|fetch\(|sendBeacon", text)
    assert "default-src 'none'" in text
    assert not re.search(r"\{(now|script|hotspot|script-hash)\}", text)


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_a_network_is_called_it_adds_no_tag(name: str, other: str) -> None:
    plain = page(Standing(Stage.CODE, "1234-5678", wifi=Trouble("Le réseau « {name} » : x", "It is {name}.", "x")))
    met = page(
        Standing(Stage.CODE, other, wifi=Trouble("Le réseau « {name} » : x", "It is {name}.", f"<{name}{{script}}"))
    )
    assert Read(met).tags == Read(plain).tags
    if "\r" not in name and "\0" not in name:
        assert f"<{name}{{script}}" in Read(met).text


def test_the_code_is_there_while_it_is_of_use() -> None:
    assert "1234-5678" in page(Standing(Stage.CODE, "1234-5678"))
    assert "1234-5678" not in page(Standing(Stage.SET_UP, "1234-5678"))


def test_what_it_says_is_said_in_french_and_in_english() -> None:
    text = page(Standing(Stage.SILENT))
    assert text.count('lang="fr"') >= 10
    assert abs(text.count('lang="fr"') - text.count('lang="en"')) <= 15
    assert "\u202f:" not in text
