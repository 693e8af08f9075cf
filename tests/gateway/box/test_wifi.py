"""wifi.txt as people's editors save it, and what NetworkManager is given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.box import wifi
from gateway.box.wifi import ENGLISH, FILE_BYTES_MAX, FRENCH, Fault, Network, WifiError, keyfile, parse

SECRET = "quarante-deux chats"
PLAIN = Network("Livebox-1234", SECRET)
# What a form may be filled with: no control signs, and no mark of an encoding.
SIGNS = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufeff\ufffd")


@pytest.mark.parametrize(
    "text",
    [
        f"nom = Livebox-1234\nmot de passe = {SECRET}\npays = FR\n",
        f"nom=Livebox-1234\nmot de passe={SECRET}",
        f"Nom du réseau : Livebox-1234\r\nMot de passe : {SECRET}\r\n",
        f"NAME = Livebox-1234\rPassword = {SECRET}\rCountry = fr\r",
        f"# mon Wi-Fi\n\n  ssid = \"Livebox-1234\"  \n\tpsk='{SECRET}'\nPAYS: France",
        f"réseau = « Livebox-1234 »\nclé Wi-Fi = {SECRET}\ncaché = non\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16"])
def test_a_file_is_read_as_any_editor_saves_it(text: str, encoding: str) -> None:
    assert parse(text.encode(encoding)) == PLAIN


def test_accents_in_the_name_and_the_password_are_the_same_from_windows() -> None:
    text = "nom = Café de l’été\nmot de passe = été à Bézü\n"
    expected = Network("Café de l’été", "été à Bézü")
    assert parse(text.encode()) == parse(text.encode("cp1252")) == expected


def test_what_is_between_quotes_keeps_its_spaces_and_its_signs() -> None:
    network = parse(b'nom = " a = b: "c" "\nmot de passe = "  p"a#ss;\\n"\n')
    assert network == Network(' a = b: "c" ', '  p"a#ss;\\n')


def test_a_hidden_network_and_a_country_are_said() -> None:
    assert parse(f"nom: x\nmdp: {SECRET}\ncaché: oui\npays: re".encode()) == Network("x", SECRET, "RE", hidden=True)


def test_a_network_without_a_password_is_joined_only_where_that_is_said() -> None:
    with pytest.raises(WifiError) as met:
        parse(b"nom = Gratuit\nmot de passe =\n")
    assert met.value.fault is Fault.NO_PASSWORD
    assert parse(b"nom = Gratuit\nouvert = oui\n") == Network("Gratuit", None)


@pytest.mark.parametrize(
    ("data", "fault", "line"),
    [
        (b"", Fault.EMPTY, 0),
        (b"# nothing\n\n", Fault.EMPTY, 0),
        (b"x" * (FILE_BYTES_MAX + 1), Fault.TOO_BIG, 0),
        (b"nom = x\n\x00\x01\x02", Fault.NOT_TEXT, 2),
        (b"\xff\xfen\x00o\x00m\x00=\x00\x00\xd8x", Fault.NOT_TEXT, 1),
        (b"nom = x\n" + SECRET.encode(), Fault.NO_SEPARATOR, 2),
        (f"nom = x\n{SECRET} = y\n".encode(), Fault.UNKNOWN, 2),
        (f"nom = x\nmdp = {SECRET}\n\nclé = {SECRET}\n".encode(), Fault.TWICE, 4),
        (f"mdp = {SECRET}\n".encode(), Fault.NO_NAME, 0),
        (f"mdp = {SECRET}\nnom = {'é' * 17}\n".encode(), Fault.NAME_LONG, 2),
        (f"mdp = {SECRET}\nnom = a\tb\n".encode(), Fault.ODD_SIGN, 2),
        (f"nom = x\nmdp = {SECRET}\x1b\n".encode(), Fault.ODD_SIGN, 2),
        (b"nom = x\n", Fault.NO_PASSWORD, 0),
        (b"nom = x\nmdp = sept777\n", Fault.PASSWORD_LENGTH, 2),
        (b"nom = x\nmdp = " + b"z" * 64, Fault.PASSWORD_LENGTH, 2),
        (f"nom = x\nouvert = oui\nmdp = {SECRET}\n".encode(), Fault.PASSWORD_OF_OPEN, 3),
        (f"nom = x\nmdp = {SECRET}\npays = Frankreich\n".encode(), Fault.COUNTRY, 3),
        (f"nom = x\nmdp = {SECRET}\ncaché = peut-être\n".encode(), Fault.YES_NO, 3),
    ],
)
def test_a_wrong_line_is_one_sentence_that_names_it_and_repeats_nothing(data: bytes, fault: Fault, line: int) -> None:
    with pytest.raises(WifiError) as met:
        parse(data)
    assert (met.value.fault, met.value.line) == (fault, line)
    for sentence in (str(met.value), met.value.french):
        assert SECRET not in sentence
        assert (f"line {line}" in sentence or f"ligne {line}" in sentence) == (line > 0)
        assert "expected" in sentence or "attendu" in sentence


def test_every_fault_has_its_words_in_both_languages() -> None:
    assert set(FRENCH) == set(ENGLISH) == set(Fault)


def test_a_secret_is_in_no_repr() -> None:
    assert SECRET not in repr(PLAIN)


@given(st.binary(max_size=300))
def test_whatever_lies_there_is_a_network_or_a_sentence(data: bytes) -> None:
    try:
        found: Network | WifiError = parse(data)
    except WifiError as error:
        found = error
    if isinstance(found, WifiError):
        assert "wifi.txt" in str(found)
        assert "wifi.txt" in found.french
    else:
        assert 0 < len(found.name.encode()) <= wifi.NAME_BYTES_MAX
        assert found.password is None or 8 <= len(found.password.encode()) <= 64


@given(st.text(SIGNS, min_size=1, max_size=10), st.text(SIGNS, min_size=8, max_size=15), st.booleans())
def test_what_the_form_saves_comes_out_of_the_connection_letter_for_letter(
    name: str, password: str, mark: bool
) -> None:
    """The form is in start_here.js; GLib's rules for a value are those of the desktop entry specification, "\\s" and "\\\\"."""
    lines = f'nom = "{name}"\r\nmot de passe = "{password}"\r\npays = FR\r\ncaché = oui\r\n'
    connection = dict(
        line.split("=", 1)
        for line in keyfile(parse(lines.encode("utf-8-sig" if mark else "utf-8"))).decode().split("\n")
        if "=" in line
    )
    assert bytes(int(byte) for byte in connection["ssid"].split(";")[:-1]).decode() == name
    assert connection["psk"].replace("\\\\", "\0").replace("\\s", " ").replace("\0", "\\") == password
    assert connection["hidden"] == "true"
    assert parse(wifi.written(name, password, "BE").encode()) == Network(name, password, "BE")


def test_an_open_network_has_no_security_and_a_key_of_64_digits_goes_as_it_is() -> None:
    assert b"wifi-security" not in keyfile(Network("x", None))
    digits = "0123456789abcdefABCDEF0123456789" * 2
    assert f"psk={digits}\n".encode() in keyfile(parse(f"nom=x\npsk={digits}".encode()))
