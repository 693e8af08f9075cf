"""Sealed documents: who opens them, and what their sizes tell."""

import gzip
import shutil

import pytest

from gateway.backup import load_age
from sync import seal
from sync.model import Trouble, Why
from tests.parcels import day, year

AGE = load_age()
IDENTITY, OTHER = (AGE.x25519.Identity.generate() for _ in range(2))
RECIPIENT, OTHER_RECIPIENT = str(IDENTITY.to_public()), str(OTHER.to_public())


def test_the_owners_key_opens_it_and_no_other_one_does() -> None:
    document = day(3).document()
    sealed = seal.seal(document, [RECIPIENT])
    assert sealed.startswith(b"age-encryption.org/v1\n-> X25519 ")
    assert b"Camille" not in sealed
    assert gzip.decompress(AGE.decrypt(sealed, [IDENTITY])) == document
    with pytest.raises(AGE.DecryptError):
        AGE.decrypt(sealed, [OTHER])


def test_each_of_two_recipients_opens_it() -> None:
    sealed = seal.seal(b"{}", [RECIPIENT, OTHER_RECIPIENT])
    assert [gzip.decompress(AGE.decrypt(sealed, [each])) for each in (IDENTITY, OTHER)] == [b"{}", b"{}"]


def body(sealed: bytes) -> int:
    """The bytes behind the header, whose own length pyrage varies at random."""
    return len(sealed.partition(b"\n--- ")[2].partition(b"\n")[2])


def test_a_day_that_nobody_was_at_home_is_as_large_as_any_other() -> None:
    days = [*year(), *(day(number, quiet=True) for number in range(40))]
    assert len({len(each.document()) for each in days}) > 10
    assert {body(seal.seal(each.document(), [RECIPIENT])) for each in days} == {16 + 4096 + 16}


@pytest.mark.parametrize("size", [0, 1, 3000, 5000, 40_000, 1_000_000])
def test_a_packed_document_is_a_power_of_two_and_opens(size: int) -> None:
    import random

    document = random.Random(size).randbytes(size)
    packed = seal.packed(document)
    assert len(packed) >= 4096
    assert len(packed).bit_count() == 1
    assert len(packed) < max(4097, 2 * (size + 100))
    assert gzip.decompress(packed) == document


def test_what_it_costs_is_less_than_the_same_file_in_clear() -> None:
    parcels = year()[:60]
    clear = sum(len(each.document()) for each in parcels)
    assert sum(len(seal.seal(each.document(), [RECIPIENT, OTHER_RECIPIENT])) for each in parcels) < clear


@pytest.mark.parametrize(
    "wrong",
    ["", "age1", RECIPIENT[:-1] + ("q" if RECIPIENT[-1] != "q" else "p"), "ssh-ed25519 AAAA", str(IDENTITY)],
    ids=["nothing", "its beginning", "mistyped", "of ssh", "the secret one"],
)
def test_a_recipient_that_is_none_is_said_and_not_repeated(wrong: str) -> None:
    with pytest.raises(Trouble) as trouble:
        seal.seal(b"{}", [RECIPIENT, wrong])
    assert trouble.value.why is Why.ODD
    assert len(wrong) < 5 or wrong not in str(trouble.value)


def test_a_system_that_cannot_seal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "_library", lambda: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Trouble, match="apt install age"):
        seal.seal(b"{}", [RECIPIENT])


def test_a_secret_key_in_the_place_of_a_public_one_is_handed_to_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "_library", lambda: None)
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/echo")
    with pytest.raises(Trouble) as trouble:
        seal.seal(b"{}", [str(IDENTITY)])
    assert trouble.value.detail == seal.NO_RECIPIENT
