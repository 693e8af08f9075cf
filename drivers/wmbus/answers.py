"""What a meter answers in place of readings: application errors and alarms (EN 13757-3)."""

from drivers.wmbus.layers import CI_ALARM

ALARM = "alarm"

APPLICATION_ERRORS = {
    0x00: "unspecified error",
    0x01: "CI field not implemented",
    0x02: "buffer too long",
    0x03: "too many records",
    0x04: "premature end of record",
    0x05: "too many DIFEs",
    0x06: "too many VIFEs",
    0x08: "application busy",
    0x09: "too many readouts",
}


def said(ci: int, content: bytes) -> str:
    """In words, behind the CI field and its header. Which bit of an alarm means what is the maker's own."""
    if ci in CI_ALARM:
        return f"the meter sends an alarm: {content.hex(' ').upper() or 'nothing more'}"
    return f"the meter answers with an application error: {error(content)}"


def error(content: bytes) -> str:
    code = content[0] if content else 0
    return APPLICATION_ERRORS.get(code, f"{code:02X}")
