"""Who may pass: each route names the roles that it lets in, and a page shows links to those alone."""

from enum import StrEnum

from gateway.roles import Role


class Gate(StrEnum):
    """Who may pass besides accounts.

    Public: anybody. Setup: whoever sets the box up, until there is an account. Grant: an app with its token.
    Keeper: an installer or a landlord, while nobody lives with the box.
    """

    PUBLIC = "public"
    SETUP = "setup"
    GRANT = "grant"
    KEEPER = "keeper"


Roles = frozenset[Role | Gate]

PUBLIC: Roles = frozenset((Gate.PUBLIC,))
SETUP: Roles = frozenset((Gate.SETUP,))
GRANT: Roles = frozenset((Gate.GRANT,))
KEEPER: Roles = frozenset((Gate.KEEPER,))
OCCUPANT: Roles = frozenset((Role.OCCUPANT,))
# Ports and meters; no history.
HANDS: Roles = frozenset((Role.OCCUPANT, Role.INSTALLER))
# What is live, for those who live here or visit.
LIVE: Roles = frozenset((Role.OCCUPANT, Role.GUEST))
# Whether the box runs.
STATE: Roles = frozenset((Role.OCCUPANT, Role.LANDLORD))
# With a password of their own choosing: a guest's is shared.
OWN_PASSWORD: Roles = frozenset((Role.OCCUPANT, Role.INSTALLER, Role.LANDLORD))
ANY: Roles = frozenset(Role)

# Where each finds what is theirs.
FIRST = {Role.OCCUPANT: "/", Role.GUEST: "/now", Role.INSTALLER: "/meters", Role.LANDLORD: "/state"}


def of(role: Role | None, *, vacant: bool) -> Roles:
    """What an account's role is good for. Who sets a box up that nobody lives with does an installer's work."""
    if role is None:
        return frozenset()
    if vacant and role in (Role.INSTALLER, Role.LANDLORD):
        return frozenset((role, Role.INSTALLER, Gate.KEEPER))
    return frozenset((role,))
