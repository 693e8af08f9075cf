"""What comes out of a message of a broker: things that said something, things that went away, and what was left unread."""

from drivers.model import Address, Telegram, frozen


@frozen
class Thing:
    """What one device said in one message; a telegram may carry some of its readings only.

    `name` is what its owner calls it, `kind` which of the drivers read it. `radio`: somebody else's may be among them, as
    on the air, and of those nothing but the label is looked at.
    """

    telegram: Telegram
    name: str
    kind: str
    radio: bool = False


@frozen
class Presence:
    """The broker, or the device's own last will, says whether the device is there. It is no sign of life of a meter."""

    address: Address
    there: bool


@frozen
class Unread:
    """A message that is none of a meter, and why, in words that are counted: `retained`, `not recognised`."""

    why: str
