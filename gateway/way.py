"""The way that a grant's readings, or its messages, take to a target outside this program; no secret is in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ADDRESS_CHARACTERS_MAX = 300
USER_CHARACTERS_MAX = 200
RECIPIENTS_MAX = 3
# Those to whom a mail goes.
MAILS_TO_MAX = 5
MAIL_CHARACTERS_MAX = 254
# RFC 5322, section 3.4.1, without what would have to be quoted: whether somebody reads it only a message shows.
MAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"
)
# What is kept of what a target says: the word under which a parcel lies there, its answer to it, and why it took none.
HELD_CHARACTERS_MAX = 300
ANSWER_CHARACTERS_MAX = 200
DETAIL_CHARACTERS_MAX = 200


class Kind(StrEnum):
    """What stands at the other end; each has a file of this name in sync/targets, or in sync/messengers."""

    WEBDAV = "webdav"
    NEXTCLOUD = "nextcloud"
    COZY = "cozy"
    MQTT = "mqtt"
    POSTGRESQL = "postgresql"
    INFLUX = "influx"
    PROMETHEUS = "prometheus"
    MAIL = "mail"
    NTFY = "ntfy"
    EVENT = "event"  # of Home Assistant, over MQTT
    WEBHOOK = "webhook"


class Form(StrEnum):
    """How readings lie there, or what a message says."""

    FILES = "files"  # documents that whoever runs the place can read
    SEALED = "sealed"  # the same, and only the owner's key opens them
    ROWS = "rows"  # of a database
    DOCUMENTS = "documents"  # of a Cozy, in a doctype of ours
    ECOLYO = "ecolyo"  # of a Cozy, as the app Ecolyo reads them
    LIVE = "live"  # the last value of each series, and no history
    WORDS = "words"  # messages, as the page says it
    NOTICE = "notice"  # messages that say only that there is something to look at


FORMS = {
    Kind.WEBDAV: (Form.SEALED, Form.FILES),
    Kind.NEXTCLOUD: (Form.SEALED, Form.FILES),
    Kind.COZY: (Form.SEALED, Form.DOCUMENTS, Form.ECOLYO),
    Kind.MQTT: (Form.LIVE,),
    Kind.POSTGRESQL: (Form.ROWS,),
    Kind.INFLUX: (Form.ROWS,),
    Kind.PROMETHEUS: (Form.ROWS,),
    Kind.MAIL: (Form.WORDS, Form.NOTICE),
    Kind.NTFY: (Form.NOTICE, Form.WORDS),
    Kind.EVENT: (Form.WORDS, Form.NOTICE),
    Kind.WEBHOOK: (Form.WORDS, Form.NOTICE),
}
# What is told there are messages, and no readings.
MESSENGERS = frozenset({Kind.MAIL, Kind.NTFY, Kind.EVENT, Kind.WEBHOOK})


@dataclass(frozen=True, slots=True)
class Way:
    """Where and how. `sealed_for`: age recipients (`age1...`), of a sealed form only; `at_home`: its owner said so.

    `adopt`, of the form ECOLYO only: where a supplier's figure stands already, the box's is put in its place.
    `to`, of MAIL only: whom a mail goes to.
    """

    kind: Kind
    address: str
    user: str
    form: Form
    sealed_for: tuple[str, ...] = ()
    at_home: bool = False
    adopt: bool = False
    to: tuple[str, ...] = ()

    @property
    def is_for_messages(self) -> bool:
        return self.kind in MESSENGERS

    def check(self) -> None:
        """ValueError for what no form of ours lets through."""
        if self.form not in FORMS[self.kind]:
            raise ValueError(f"form: one of {', '.join(FORMS[self.kind])} is needed, not {self.form}")
        for name, text, characters_max in (
            ("address", self.address, ADDRESS_CHARACTERS_MAX),
            ("user", self.user, USER_CHARACTERS_MAX),
        ):
            if len(text) > characters_max or not text.isprintable():
                raise ValueError(f"{name}: at most {characters_max} characters are possible")
        if not self.address:
            raise ValueError("address: it is missing")
        if (self.form is Form.SEALED) is not (0 < len(self.sealed_for) <= RECIPIENTS_MAX):
            raise ValueError(
                f"sealed_for: 1 to {RECIPIENTS_MAX} recipients are needed where it is sealed, and only there"
            )
        if self.adopt and self.form is not Form.ECOLYO:
            raise ValueError(f"adopt: only {Form.ECOLYO} puts a figure in another's place")
        if (self.kind is Kind.MAIL) is not (0 < len(self.to) <= MAILS_TO_MAX):
            raise ValueError(f"to: 1 to {MAILS_TO_MAX} addresses are needed for a mail, and only there")
        if not all(is_mail_address(one) for one in self.to):
            raise ValueError("to: an address like name@example.org is needed")

    def body(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "address": self.address,
            "user": self.user,
            "form": self.form,
            "sealed_for": list(self.sealed_for),
            "at_home": self.at_home,
            # Not said where it is not so: grants that were given before are as they were, to the letter.
            **({"adopt": True} if self.adopt else {}),
            **({"to": list(self.to)} if self.to else {}),
        }

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "Way":
        return cls(
            Kind(said["kind"]),
            said["address"],
            said["user"],
            Form(said["form"]),
            tuple(said["sealed_for"]),
            said["at_home"],
            said.get("adopt", False),
            tuple(said.get("to", ())),
        )


def is_mail_address(text: str) -> bool:
    return len(text) <= MAIL_CHARACTERS_MAX and MAIL.fullmatch(text) is not None
