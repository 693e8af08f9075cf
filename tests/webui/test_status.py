"""Status codes: whatever a driver can say has words in both languages."""

from zoneinfo import ZoneInfo

import pytest

from drivers.tic import labels
from drivers.tic.groups import Group
from drivers.tic.status import register_words, status
from drivers.wmbus.devices import status_words
from webui.status import register_said, said
from webui.words import Words

FRENCH, ENGLISH = (Words(language, ZoneInfo("Europe/Paris")) for language in ("fr", "en"))


def tic_codes() -> set[str]:
    """Every code of the status register, of the phases and of the warnings, by the driver itself."""
    row = labels.STANDARD[0]

    def of(name: str, data: str, horodate: str | None = None) -> tuple[str, ...]:
        return status({name: Group(labels.Mode.STANDARD, row, data, horodate)})

    registers = [1 << bit for bit in range(32)] + [breaker << 1 for breaker in range(8)]
    found = {code for register in registers for code in of("STGE", f"{register:08X}")}
    found |= {code for bits in range(16) for code in of("PPOT", f"{bits:02X}")}
    found |= {code for name in ("ADPS", "ADIR1", "ADIR2", "ADIR3") for code in of(name, "030")}
    return found | set(of("DATE", "", "h261119184207"))


@pytest.mark.parametrize("code", sorted(tic_codes()))
def test_every_code_of_a_linky_has_words_of_its_own_in_each_language(code: str) -> None:
    french, english = said(FRENCH, [code]), said(ENGLISH, [code])
    assert len({code, french, english}) == 3


def test_every_bit_of_a_linky_s_register_has_words_of_its_own_in_each_language() -> None:
    registers = [0, 0xFFFFFFFF, *(1 << bit for bit in range(32)), *(breaker << 1 for breaker in range(8))]
    registers += [pair << bit for bit in (14, 19, 21, 24, 26, 28, 30) for pair in (1, 2, 3)]
    codes = sorted({code for register in registers for code in register_words(register)})
    assert len(codes) > 45
    for code, french, english in zip(codes, register_said(FRENCH, codes), register_said(ENGLISH, codes), strict=True):
        assert len({code, french, english}) == 3
        assert "%(" not in french + english


def test_every_status_byte_of_an_m_bus_header_has_words_and_none_is_an_error() -> None:
    codes = {code for byte in range(256) for code in status_words(byte)}
    assert len(codes) >= 9
    for code in codes:
        french = said(FRENCH, [code])
        assert french not in {code, said(ENGLISH, [code])}
        assert french[0].islower()


def test_a_code_that_nobody_knows_is_said_as_it_is_and_several_stand_apart() -> None:
    assert said(FRENCH, ["strange", "clock degraded"]) == "strange\u202f; son horloge est peut-être fausse"
    assert said(ENGLISH, ["strange", "clock degraded"]) == "strange; its clock may be wrong"
