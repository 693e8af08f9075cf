"""Messages that come in several telegrams, put together again (EN 13757-7, authentication and fragmentation layer)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from drivers.wmbus import layers as layering
from drivers.wmbus.layers import Afl, Layers
from drivers.wmbus.link import Identity

METERS_MAX = 64
MESSAGE_BYTES_MAX = 4096
WAIT_S_MAX = 60  # from one fragment to the next; the standard's own answer windows are seconds


@dataclass(frozen=True, slots=True)
class _Part:
    """The first pieces of a message, and the layers of the last of them.

    `afl` has what the fragments said together; `access_number` is the first one's.
    """

    last: Layers
    afl: Afl
    access_number: int | None
    pieces: tuple[bytes, ...]
    at_s: float


class Fragments:
    """One unfinished message a meter. What is lost, late or of another message ends it: nothing is ever mixed.

    Fragments carry no name of their message. They belong together where each follows the one before, with its access
    number, its counter and in time; then the announced length must agree, and the code, if there is one, opens nothing
    else. `now_s` is any clock that runs evenly.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._parts: dict[Identity, _Part] = {}

    def join(self, layers: Layers) -> Layers | str:
        """The whole message's layers with its last fragment, else why there is nothing to read yet."""
        afl = layers.afl
        assert afl is not None
        now_s = self._now_s()
        part = self._parts.pop(layers.identity, None)
        if part is not None and part.pieces[afl.fragment - 1 : afl.fragment] == (layers.payload,):
            self._parts[layers.identity] = part
            return f"fragment {afl.fragment} again"  # a repeater's copy
        if afl.fragment == 1:
            return self._keep(_Part(layers, afl, layers.access_number, (layers.payload,), now_s))
        if part is None:
            return f"fragment {afl.fragment} of a message whose first one was not heard"
        if reason := _stranger(part, layers, now_s):
            return reason
        joined = Afl(
            afl.fragment,
            afl.more,
            part.afl.control or afl.control,
            part.afl.counter or afl.counter,
            part.afl.mac or afl.mac,
            part.afl.length or afl.length,
        )
        return self._keep(_Part(layers, joined, part.access_number, (*part.pieces, layers.payload), now_s))

    def _keep(self, part: _Part) -> Layers | str:
        message = b"".join(part.pieces)
        if len(message) > MESSAGE_BYTES_MAX:
            return f"a message of more than {MESSAGE_BYTES_MAX} bytes in fragments"
        if part.afl.more:
            self._parts[part.last.identity] = part
            if len(self._parts) > METERS_MAX:
                del self._parts[next(iter(self._parts))]
            return f"fragment {part.afl.fragment} of a message, waiting for the next one"
        if part.afl.length and int.from_bytes(part.afl.length, "little") != len(message):
            announced = int.from_bytes(part.afl.length, "little")
            return f"a message of {announced} bytes is announced, its fragments have {len(message)}"
        if not part.afl.mac and part.access_number is None:
            return "fragments without a code and without an access number: nothing says that they belong together"
        return layering.peel_message(part.last, replace(part.afl, fragment=0), message)


def _stranger(part: _Part, layers: Layers, now_s: float) -> str | None:
    """Why a fragment does not follow what is there."""
    afl = layers.afl
    assert afl is not None
    wanted = part.afl.fragment + 1
    if afl.fragment != wanted:
        return f"fragment {afl.fragment} where {wanted} was awaited: one was lost"
    if now_s - part.at_s > WAIT_S_MAX:
        return f"fragment {afl.fragment} came {now_s - part.at_s:.0f} s after {part.afl.fragment}: too late"
    if layers.access_number is not None and part.access_number is not None:
        steps = (layers.access_number - part.access_number) % 256
        if steps not in (0, afl.fragment - 1):
            return f"fragment {afl.fragment} is of another message: access number {layers.access_number}"
    for sent, said in ((afl.control, part.afl.control), (afl.counter, part.afl.counter), (afl.length, part.afl.length)):
        if sent and said and sent != said:
            return f"fragment {afl.fragment} is of another message"
    return None
