"""A Linky's adapter in a USB socket, by the driver that a real one has: pulled out while it speaks, and put in again."""

from tests.image.card import Card
from tests.image.guest import Guest, Power, until
from tests.image.household import LINE, Meter, asked, configure, first_visit, heard, line, speaking
from tests.integration.visitor import Visitor

SEEN_S_MAX = 300.0
PULLED_OUT = "This line does not answer. Check that its cable is plugged in; the box tries again by itself."


def index_wh(visitor: Visitor) -> int:
    return int(asked(visitor, "/api/v1/points")["points"][0]["index"]["value"])


def test_an_adapter_is_pulled_out_and_put_in_again_while_a_linky_speaks(card: Card, power: Power) -> None:
    with power(card) as guest, speaking(guest) as meter:
        visitor = first_visit(guest)
        configure(guest, LINE)
        until(lambda: heard(visitor), "the Linky is heard", SEEN_S_MAX)
        for _ in range(3):
            _pulled_out_and_put_in_again(guest, meter, visitor)
        counts = line(visitor)["counts"]
        assert "bugs" not in counts, counts
        assert guest.shows("releve.service", "NRestarts") == {"NRestarts": "0"}


def _pulled_out_and_put_in_again(guest: Guest, meter: Meter, visitor: Visitor) -> None:
    meter.plugged = False
    guest.unplug_meter()
    until(lambda: not line(visitor)["open"], "the page knows that the adapter is gone", SEEN_S_MAX)
    page = visitor.ask("/box?lang=en")
    assert PULLED_OUT in page
    before = index_wh(visitor)
    guest.plug_meter()
    meter.plugged = True
    until(lambda: index_wh(visitor) > before, "the Linky is heard again", SEEN_S_MAX)
    assert line(visitor)["open"]
    assert PULLED_OUT not in visitor.ask("/box?lang=en")
