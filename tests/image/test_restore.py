"""A card dies: its back-up is brought back on a fresh one."""

import base64

from tests.image.card import NewCard
from tests.image.guest import Guest, Power, until
from tests.image.household import LINE, PASSWORD, configure, first_visit, heard, kept, speaking

PASSPHRASE = "cheval correct pile agrafe"
FILE = "/var/lib/releve/house.backup"
PASSPHRASE_FILE = "/run/passphrase"
LISTENS_S_MAX = 300.0


def backed_up(guest: Guest) -> bytes:
    """By the command: the image has no login, so this is done as its support would."""
    guest.write(PASSPHRASE_FILE, PASSPHRASE + "\n")
    guest.run("releve", "backup", FILE, "--passphrase-file", PASSPHRASE_FILE, within_s=600)
    return base64.b64decode(guest.run("base64", FILE))


def test_a_back_up_is_brought_back_onto_a_fresh_card(new_card: NewCard, power: Power) -> None:
    with power(new_card()) as guest, speaking(guest):
        visitor = first_visit(guest)
        configure(guest, LINE)
        until(lambda: heard(visitor), "the Linky is heard", LISTENS_S_MAX)
        until(lambda: len(kept(visitor)) > 20, "some readings are kept", LISTENS_S_MAX)
        before = kept(visitor)
        backup = backed_up(guest)
    with power(new_card()) as guest:
        guest.run("systemctl", "stop", "releve.service")
        guest.write(FILE, backup)
        guest.write(PASSPHRASE_FILE, PASSPHRASE + "\n")
        guest.run("chown", "releve:releve", FILE)
        command = ("releve", "restore", FILE, "--passphrase-file", PASSPHRASE_FILE, "--again")
        guest.run(*command, within_s=600)
        guest.run("chown", "-R", "releve:releve", "/var/lib/releve")
        guest.run("systemctl", "restart", "releve-secret.service", "releve.service")
        until(guest.answers, "the page", LISTENS_S_MAX)
        again = guest.visitor()
        again.sends("/login?lang=en", "/login", password=PASSWORD)
        assert again.status == 200
        assert before <= kept(again)
