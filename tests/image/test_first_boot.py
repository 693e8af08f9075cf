"""What is made at the first start: secrets of the box's own, which the image has none of, and a code on the card."""

import hashlib
import re

import pytest

from tests.image.card import DATA, ROOT_A, Card, Image, NewCard, ran
from tests.image.guest import Guest, Power
from tests.image.household import first_visit

START = "START-HERE.html"
CODE = re.compile(r"\b(\d{4})[-\s\u2011]?(\d{4})\b")
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
    found, codes = [], []
    first = new_card()
    for card in (first, new_card()):
        with power(card) as guest:
            found.append(secrets(guest))
            codes.append(guest.status()["setup_code"])
            guest.cut()
    with power(first) as guest:
        assert secrets(guest) == found[0]
    one, other = found
    assert re.fullmatch("[0-9a-f]{32}", one["machine-id"])
    assert one["box-secret"] != hashlib.sha256(b"").hexdigest()
    assert all(one[name] != other[name] for name in one)
    assert codes[0] != codes[1]


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


def test_the_code_of_the_first_visit_is_on_the_card_until_it_was_used(card: Card, power: Power) -> None:
    assert card.image.from_boot(START, card.folder / START).exists(), "it is there before the first start, too"
    with power(card) as guest:
        guest.settled()
        code = guest.status()["setup_code"]
        guest.switch_off()
    assert code in {"-".join(found) for found in CODE.findall(card.from_boot(START) or "")}
    with power(card) as guest:
        first_visit(guest)
        guest.settled()
        guest.switch_off()
    with power(card) as guest:
        guest.settled()
        guest.switch_off()
    assert CODE.findall(card.from_boot(START) or "") == []
