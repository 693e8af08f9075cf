"""Sealing by Debian's `age` where there is no library for it: opened by the library and by `age`, and its refusals said."""

import gzip
import subprocess
from pathlib import Path

import pytest

from gateway.backup import load_age
from sync import seal
from sync.model import Trouble, Why
from tests.parcels import day


@pytest.fixture(autouse=True)
def _without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "_library", lambda: None)


def test_what_the_program_sealed_for_two_is_opened_by_each_of_them(tmp_path: Path) -> None:
    age = load_age()
    identities = [age.x25519.Identity.generate() for _ in range(2)]
    document = day(0).document()
    sealed = seal.seal(document, [str(each.to_public()) for each in identities])
    assert b"Camille" not in sealed
    for identity in identities:
        assert gzip.decompress(age.decrypt(sealed, [identity])) == document
        (tmp_path / "key.txt").write_text(f"{identity}\n")
        done = subprocess.run(
            ["age", "-d", "-i", str(tmp_path / "key.txt")], input=sealed, capture_output=True, check=True, timeout=10
        )
        assert gzip.decompress(done.stdout) == document


def test_a_recipient_with_a_wrong_digit_is_refused_by_the_program() -> None:
    right = str(load_age().x25519.Identity.generate().to_public())
    wrong = right[:-1] + ("q" if right[-1] != "q" else "p")
    with pytest.raises(Trouble) as trouble:
        seal.seal(b"{}", [wrong])
    assert trouble.value.why is Why.ODD


def test_a_program_that_is_no_age_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "PROGRAM", "true")
    with pytest.raises(Trouble) as trouble:
        seal.seal(b"{}", [str(load_age().x25519.Identity.generate().to_public())])
    assert trouble.value.why is Why.ODD
