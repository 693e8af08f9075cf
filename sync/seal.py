"""A document that only its owner's key opens: packed, filled up so that its size tells little, sealed as an age file (docs/sync.md)."""

import functools
import gzip
import importlib
import re
import shutil
import subprocess
from collections.abc import Sequence
from types import ModuleType

from sync.model import Trouble, Why

# A day of half-hours of five series is 7 kB of JSON and 1.3 packed (bench/targets.py): each such day is of one size.
PACKED_BYTES_MIN = 4096
RECIPIENT = re.compile("age1[02-9ac-hj-np-z]{58}")
NO_RECIPIENT = "an age recipient begins with age1 and has 62 characters; one of these is none"
PROGRAM = "age"
PROGRAM_S_MAX = 30.0


def seal(document: bytes, recipients: Sequence[str]) -> bytes:
    """An age v1 file (c2sp.org/age) for these recipients (`age1...`); what is in it is `packed(document)`. May take 30 s.

    Trouble for a recipient that is none, and where this system has nothing that seals.
    """
    assert recipients, "nobody could open it"
    if not all(RECIPIENT.fullmatch(each) for each in recipients):  # whatever else it is, a program would repeat it
        raise Trouble(Why.ODD, NO_RECIPIENT)
    age = _library()
    return _by_program(packed(document), recipients) if age is None else _by_library(age, packed(document), recipients)


def packed(document: bytes) -> bytes:
    """A gzip file, and noughts behind it up to 4 KiB or the next power of two; `gunzip` passes over them."""
    content = gzip.compress(document, 9, mtime=0)
    size = max(PACKED_BYTES_MIN, 1 << (len(content) - 1).bit_length())
    return content.ljust(size, b"\0")


@functools.cache
def _library() -> ModuleType | None:
    try:
        return importlib.import_module("pyrage")
    except ImportError:  # none for 32-bit systems
        return None


def _by_library(age: ModuleType, content: bytes, recipients: Sequence[str]) -> bytes:
    try:
        keys = [age.x25519.Recipient.from_str(each) for each in recipients]
    except age.RecipientError:
        raise Trouble(Why.ODD, NO_RECIPIENT) from None
    return bytes(age.encrypt(content, keys))


def _by_program(content: bytes, recipients: Sequence[str]) -> bytes:
    program = shutil.which(PROGRAM)
    if program is None:
        raise Trouble(Why.ODD, "nothing here seals: on a 32-bit system the package age is needed (apt install age)")
    options = [word for each in recipients for word in ("-r", each)]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and our own words
            [program, *options], input=content, capture_output=True, check=False, timeout=PROGRAM_S_MAX
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Trouble(Why.ODD, f"{PROGRAM} does not seal: {type(error).__name__}") from None
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Trouble(Why.ODD, f"{PROGRAM} does not seal for these recipients: {said[0] if said else done.returncode}")
    return done.stdout
