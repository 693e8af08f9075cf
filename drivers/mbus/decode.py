"""What a wired meter answered: one frame, or the parts of one telegram behind each other (EN 13757-3)."""

from collections.abc import Sequence
from dataclasses import replace

from drivers import meters
from drivers.mbus import fixed
from drivers.mbus.framing import LONG, parts
from drivers.model import Address, DecodeError, Frame, Function, Medium, State, Telegram
from drivers.wmbus import answers, records, security
from drivers.wmbus import layers as layering
from drivers.wmbus.layers import Layers
from drivers.wmbus.link import Identity
from drivers.wmbus.records import Records, Span
from drivers.wmbus.security import Opened, Shut
from drivers.wmbus.understood import understood

CI_APPLICATION_ERROR = 0x70
CI_RECORDS = (0x72, 0x78, 0x7A)  # long, no and short header, least significant byte first
CI_FIXED = 0x73
CI_MSB_FIRST = (0x74, 0x76, 0x77)

UNKNOWN = Identity(bytes(2), bytes(4), 0, 0)

Head = tuple[str, int, int, int, Function]


def decode(frame: Frame, key: bytes | None = None) -> Telegram:
    """What a meter answered. DecodeError where the frame itself is broken or carries nothing, as an acknowledgement.

    A frame whose records cannot be followed to their end is INVALID and gives no reading at all.
    """
    found = parts(frame.data)
    if any(part[0] != LONG for part in found):
        raise DecodeError("an acknowledgement or a short frame carries no reading", frame.data)
    data = found[0]
    primary = Address("mbus", str(data[5]))
    if len(found) > 1:
        return _records(_of_one_meter(found, frame.data), primary, key)
    ci, body = data[6], data[6:-2]
    if ci == CI_APPLICATION_ERROR:
        return Telegram(primary, State.INVALID, error=str(answers.said(ci, body[1:])))
    if ci == CI_FIXED:
        return fixed.decode(body[1:])
    if ci in CI_MSB_FIRST:
        return Telegram(primary, State.UNSUPPORTED, error=f"CI {ci:02X}: most significant byte first")
    if ci not in CI_RECORDS:
        return Telegram(primary, State.UNSUPPORTED, error=f"{layering.named(ci)} is no answer with records")
    return _records([_peeled(data)], primary, key)


def more_follows(frame: Frame) -> bool:
    """Whether the meter has more to say: ask again with the frame count bit toggled (EN 13757-3, DIF 1F)."""
    read = _in_clear(frame)
    return read is not None and read.more


def heads(frame: Frame) -> tuple[Head, ...]:
    """What the values of an answer are of, without the values: a meter that says the same again has the same."""
    read = _in_clear(frame)
    if read is None:
        return ()
    return tuple((r.register, r.tariff, r.storage, r.subunit, r.function) for r in read.readings)


def speaker(frame: Frame) -> Address | None:
    """Whose answer a whole frame is; without a header of its own, only by its primary address. None: it is no answer."""
    data = frame.data
    if data[0] != LONG:
        return None
    ci = data[6]
    try:
        if ci == CI_FIXED:
            return fixed.decode(data[7:-2]).address
        if ci in CI_RECORDS:
            tpl = _peeled(data).tpl
            if tpl is not None and tpl.identity is not None:
                return replace(tpl.identity.address, protocol="mbus")
            return Address("mbus", str(data[5]))
    except DecodeError:
        return None
    return None


def _peeled(data: bytes) -> Layers:
    return layering.peel_inner(Layers(UNKNOWN), data[6:-2])


def _in_clear(frame: Frame) -> Records | None:
    """The records of one frame, where they can be read without a key."""
    data = frame.data
    try:
        if len(parts(data)) != 1 or data[0] != LONG or data[6] not in CI_RECORDS:
            return None
        layers = _peeled(data)
        opened = _open(layers, None)
    except DecodeError:
        return None
    return None if isinstance(opened, Shut) else records.decode(opened.content)


def _of_one_meter(found: Sequence[bytes], data: bytes) -> list[Layers]:
    """The parts of one telegram; DecodeError where one of them is another meter's, or no part."""
    first = speaker(Frame(found[0]))
    for number, part in enumerate(found, 1):
        if part[6] not in CI_RECORDS or (whose := speaker(Frame(part))) is None:
            raise DecodeError(f"part {number}: {layering.named(part[6])} is no part of a telegram", data)
        if whose != first:
            raise DecodeError(f"part {number} is of {whose}, the first one of {first}", data)
    return [_peeled(part) for part in found]


def _open(layers: Layers, key: bytes | None) -> Opened | Shut:
    tpl = layers.tpl
    assert tpl is not None, "the CI field is one of the transport layer"
    if tpl.mode in (5, 7):
        return security.open_content(layers, key)
    # This field was no security word before 2005, and older meters fill it as they like.
    return Opened(layers.payload, sure=not tpl.mode)


def _records(said: Sequence[Layers], primary: Address, key: bytes | None) -> Telegram:
    tpl = said[-1].tpl
    assert tpl is not None, "the CI field is one of the transport layer"
    address, medium, model = primary, Medium.OTHER, None
    if tpl.identity:
        address = replace(tpl.identity.address, protocol="mbus")
        model = meters.model(address.manufacturer, tpl.identity.version, tpl.identity.device_type)
        medium = (model and model.medium) or records.medium(tpl.identity.device_type)
    status = [word for each in said if each.tpl for word in records.status_words(each.tpl.status, model)]
    telegram = Telegram(address, State.DECODED, medium, status=_once(status), access_number=tpl.access_number)
    opened: list[Opened] = []
    for each in said:
        match _open(each, key):
            case Shut(state=state, error=error):
                return replace(telegram, state=state, error=error, encrypted=True)
            case content:
                opened.append(content)
    telegram = replace(telegram, encrypted=any(each.encrypted for each in opened))
    read = _joined(opened, model)
    if not all(each.sure for each in opened) and read.faults:
        return replace(telegram, state=State.UNSUPPORTED, error=f"security mode {tpl.mode}: {read.faults[0]}")
    if read.torn is not None:
        return replace(telegram, state=State.INVALID, faults=read.faults, error=str(read.torn))
    read = understood(read, model)
    telegram = replace(
        telegram,
        readings=records.main(read.readings, medium),
        status=_once([*telegram.status, *read.status]),
        faults=read.faults,
    )
    if read.readings:
        return telegram
    if read.faults:
        return replace(telegram, state=State.INVALID, error=str(read.faults[0]))
    if read.manufacturer_data:
        return replace(telegram, state=State.UNSUPPORTED, error="only the manufacturer's own data")
    return replace(telegram, state=State.NO_DATA, error="the meter states no value")


def _joined(opened: Sequence[Opened], model: meters.Model | None) -> Records:
    """The records of all parts as if they had come in one; what a maker adds to a part that is not the last is left."""
    whole = bytearray()
    for each in opened[:-1]:
        spans: list[Span] = []
        read = records.decode(each.content, model, spans)
        if read.torn is not None:
            return read
        ends = spans and each.content[spans[-1].start] in (records.DIF_MANUFACTURER, records.DIF_MANUFACTURER_MORE)
        whole += each.content[: spans[-1].start] if ends else each.content
    return records.decode(bytes(whole) + opened[-1].content, model)


def _once(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))
