"""Wired M-Bus: frames of a level converter, what a meter answers, and how a master asks (EN 13757-2, EN 13757-3)."""

from drivers.mbus.decode import (
    CI_APPLICATION_ERROR,
    CI_FIXED,
    CI_MSB_FIRST,
    CI_RECORDS,
    UNKNOWN,
    decode,
    heads,
    more_follows,
    speaker,
)
from drivers.mbus.framing import (
    ACKNOWLEDGEMENT,
    FRAME_BYTES_MAX,
    LONG,
    NOISE_BYTES_MAX,
    OVERHEAD_BYTES,
    SHORT,
    SHORT_BYTES,
    STOP,
    Framer,
)

__all__ = [
    "ACKNOWLEDGEMENT",
    "CI_APPLICATION_ERROR",
    "CI_FIXED",
    "CI_MSB_FIRST",
    "CI_RECORDS",
    "FRAME_BYTES_MAX",
    "LONG",
    "NOISE_BYTES_MAX",
    "OVERHEAD_BYTES",
    "SHORT",
    "SHORT_BYTES",
    "STOP",
    "UNKNOWN",
    "Framer",
    "decode",
    "heads",
    "more_follows",
    "speaker",
]
