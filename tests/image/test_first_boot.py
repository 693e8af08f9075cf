"""What is made at the first start: secrets of the box's own, which the image has none of, and a code on the card."""

import hashlib
import re

import pytest

from tests.image.card import DATA, ROOT_A, Card, Image, NewCard, ran
from tests.image.guest import Guest, Power, Record, until
from tests.image.household import START, codes, first_visit

FIRST = "releve-first.service"
TOLD_S_MAX = 300.0
SECRET = "correct-cheval-agrafe"
WIFI = f"nom = Maison\nmot de passe = {SECRET}\npays = Atlantide\n"
# Of a system that ran: what it would share with every other box.
SECRETS = (
    "etc/releve/box-secret", "etc/ssh/ssh_host_", "var/lib/systemd/random-seed", "var/lib/systemd/credential.secret",
    "var/lib/dbus/machine-id", "etc/NetworkManager/system-connections/",
)  # fmt: skip


def secrets(guest: Guest) -> dict[str, str]:
    """Nobody's but this box's. The secret itself stays in the box: its hash tells."""
    return {
        "machine-id": guest.read("/etc/machine-id").strip(),
        "box-secret": guest.run("sha256sum", "/etc/releve/box-secret").split()[0],
    }


def test_two_fresh_cards_have_secrets_of_their_own_and_keep_them_over_a_power_cut(
    new_card: NewCard, power: Power
) -> None:
    found, said = [], []
    first = new_card()
    for card in (first, new_card()):
        with power(card) as guest:
            found.append(secrets(guest))
            said.append(guest.status()["setup_code"])
            guest.cut()
    with power(first) as guest:
        assert secrets(guest) == found[0]
    one, other = found
    assert re.fullmatch("[0-9a-f]{32}", one["machine-id"])
    assert one["box-secret"] != hashlib.sha256(b"").hexdigest()
    assert all(one[name] != other[name] for name in one)
    assert said[0] != said[1]


@pytest.mark.arches("amd64", "arm64")
def test_the_image_holds_no_secret(image: Image, card: Card) -> None:
    listed = ran("unsquashfs", "-offset", str(image.parts[ROOT_A].start), "-lls", str(image.path)).splitlines()
    files = {line.split()[5].removeprefix("squashfs-root/"): int(line.split()[2]) for line in listed if line[:1] == "-"}
    assert files, "no file was listed"
    assert [name for name in files if name.startswith(SECRETS)] == []
    assert files.get("etc/machine-id", 0) < 33, "a machine-id"
    shadow = ran("unsquashfs", "-offset", str(image.parts[ROOT_A].start), "-cat", str(image.path), "etc/shadow")
    assert [line for line in shadow.splitlines() if line.split(":")[1][:1] not in ("!", "*")] == [], "a password"
    folder = card.folder / "data"
    folder.mkdir()
    ran("debugfs", "-R", f"rdump / {folder}", str(card.data()))
    assert [path for path in folder.rglob("*") if path.is_file()] == [], "the data partition is empty"
    assert image.parts[DATA].length > 0


def told(guest: Guest) -> str:
    """Which word it says of its first visit once it has written the card's page: `code` while one is to come."""
    until(lambda: guest.said_of_box("first"), "it has said how it stands", TOLD_S_MAX)
    ended = ("inactive", "failed")
    until(lambda: guest.shows(FIRST, "ActiveState")["ActiveState"] in ended, "it has written its page", TOLD_S_MAX)
    said = guest.said_of_box("first")
    assert said is not None
    return str(said["state"])


def test_the_code_of_the_first_visit_is_on_the_card_until_it_was_used(card: Card, power: Power) -> None:
    assert card.image.from_boot(START, card.folder / START).exists(), "a page is there before the first start, too"
    with power(card) as guest:
        assert told(guest) == "code"
        code = guest.status()["setup_code"]
        guest.switch_off()
    assert code in codes(card)
    with power(card) as guest:
        first_visit(guest)
        guest.switch_off()
    with power(card) as guest:
        assert told(guest) != "code"
        guest.switch_off()
    assert codes(card) == set()


def test_a_wrong_wifi_txt_is_erased_and_the_page_says_what_is_wrong_with_it(
    card: Card, power: Power, record_property: Record
) -> None:
    card.onto_boot("wifi.txt", WIFI.encode())
    with power(card) as guest:
        assert told(guest) == "code"
        said = guest.said_of_box("wifi")
        assert said is not None
        assert said["state"] == "wrong", said
        assert SECRET not in str(said)
        record_property("it says", said["why"])
        visitor = first_visit(guest)
        assert "The box did not join the Wi-Fi that was written for it." in visitor.ask("/box?lang=en")
        guest.switch_off()
    assert card.from_boot("wifi.txt") is None
    assert not card.holds(SECRET.encode()), "nor does its password lie anywhere on the card"
