"""A card dies: the back-up that its page made is brought back on a fresh one, by its page."""

from tests.image.card import NewCard
from tests.image.guest import Power, Record, until
from tests.image.household import LINE, PASSWORD, configure, first_visit, heard, kept, speaking
from tests.integration.visitor import Visitor

SENTENCE = "cheval correct pile agrafe"
PAGE = "/box/backup?lang=en"
LISTENS_S_MAX = 300.0
READY = "The back-up is whole."


def backed_up(visitor: Visitor) -> bytes:
    found = visitor.fetches(PAGE, "/box/backup", passphrase=SENTENCE, again=SENTENCE)
    assert visitor.status == 200, found[:3000]
    return found


def test_a_back_up_is_brought_back_onto_a_fresh_card(new_card: NewCard, power: Power, record_property: Record) -> None:
    with power(new_card()) as guest, speaking(guest):
        visitor = first_visit(guest)
        configure(guest, LINE)
        until(lambda: heard(visitor), "the Linky is heard", LISTENS_S_MAX)
        until(lambda: len(kept(visitor)) > 20, "some readings are kept", LISTENS_S_MAX)
        before = kept(visitor)
        backup = backed_up(visitor)
        assert guest.run("sh", "-c", "ls /var/lib/releve | grep backup", check=False) == ""
    record_property("kB of the back-up", len(backup) // 1000)
    with power(new_card()) as guest:
        visitor = first_visit(guest, "another long password")
        visitor.sends_file(PAGE, "/box/backup/file", "releve.backup", backup, passphrase=SENTENCE)
        until(lambda: READY in visitor.ask(PAGE), "the file was looked at", LISTENS_S_MAX)
        visitor.sends(PAGE, "/box/backup/bring", sure="yes")

        def logged_in() -> bool:
            again.sends("/login?lang=en", "/login", password=PASSWORD)
            return again.status == 200

        again = guest.visitor()
        until(logged_in, "who lived there logs in as before", LISTENS_S_MAX)
        assert before <= kept(again)
        assert "Put aside" in again.ask(PAGE)
        assert guest.shows("releve.service", "NRestarts") == {"NRestarts": "0"}
