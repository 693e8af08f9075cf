"""What a meter answers in place of readings: application errors and alarms (EN 13757-3)."""

from drivers.phrase import Phrase, joined, phrase
from drivers.wmbus.layers import CI_ALARM

ALARM = "alarm"

APPLICATION_ERRORS = {
    0x00: phrase("unspecified error"),
    0x01: phrase("CI field not implemented"),
    0x02: phrase("buffer too long"),
    0x03: phrase("too many records"),
    0x04: phrase("premature end of record"),
    0x05: phrase("too many DIFEs"),
    0x06: phrase("too many VIFEs"),
    0x08: phrase("application busy"),
    0x09: phrase("too many readouts"),
}


def said(ci: int, content: bytes) -> Phrase:
    """In words, behind the CI field and its header. Which bit of an alarm means what is the maker's own."""
    if ci not in CI_ALARM:
        return phrase("the meter answers with an application error: %(error)s", error=error(content))
    if not content:
        return phrase("the meter sends an alarm: nothing more")
    return phrase("the meter sends an alarm: %(bytes)s", bytes=content.hex(" ").upper())


def error(content: bytes) -> Phrase:
    code = content[0] if content else 0
    return APPLICATION_ERRORS.get(code, joined((f"{code:02X}",)))
