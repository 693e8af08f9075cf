"""Who somebody is to a dwelling, and what the box knows of them."""

from dataclasses import dataclass, field
from enum import StrEnum


class Role(StrEnum):
    """Occupant: all of the dwelling. Guest: live only. Installer: ports and meters. Landlord: whether the box runs."""

    OCCUPANT = "occupant"
    GUEST = "guest"
    INSTALLER = "installer"
    LANDLORD = "landlord"


@dataclass(frozen=True, slots=True)
class Account:
    """A role that somebody has: one of each. `until` is UTC seconds, None: until it is ended."""

    id: int
    role: Role
    name: str
    hash: str = field(repr=False)
    set_at: int
    until: int | None


@dataclass(frozen=True, slots=True)
class Handover:
    """A box that nobody lives with since `since`; `hash` is that of the code which takes it over, up to `until`.

    `taken_at`: somebody has taken it over with that code, which is then of no use but to say so.
    """

    since: int
    hash: str | None = field(repr=False)
    until: int | None
    taken_at: int | None
