"""What root does with the card at a start: takes wifi.txt, writes the page, tells the consoles."""

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.box import first, handed, hotspot, said, wifi
from gateway.box.handed import Places
from gateway.box.start_here import NAME, Stage, Standing, Trouble

SECRET = "quarante-deux chats"
WIFI = f"nom = Café\nmot de passe = {SECRET}\npays = BE\n".encode()
CODE = "1234-5678"
ADDRESS = json.dumps([{"ifname": "wlan0", "addr_info": [{"local": "192.168.1.23"}]}])


@pytest.fixture
def places(tmp_path: Path) -> Places:
    card, connections, box, run = (tmp_path / name for name in ("card", "connections", "box", "said"))
    for folder in (card, connections, box, run):
        folder.mkdir()
    return Places(card, connections, box, run, tmp_path / "setup-code", tmp_path / "wifi.wanted")


class Programs:
    """Stands for nmcli, ip and iw; answers by the command's first words, the last of a list again and again."""

    def __init__(self, **answers: Sequence[str]) -> None:
        self._answers = {name: list(each) for name, each in answers.items()}
        self.asked: list[str] = []

    def __call__(self, command: Sequence[str]) -> str | None:
        line = " ".join(command)
        self.asked.append(line)
        name = "heard" if "SSID-HEX" in line else {"nmcli": "devices"}.get(command[0], command[0])
        answers = self._answers.get(name, [])
        if not answers:
            return None
        return answers.pop(0) if len(answers) > 1 else answers[0]


def started(places: Places, programs: Programs) -> list[float]:
    waits: list[float] = []
    first.run(places, programs, waits.append)
    return waits


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def page(places: Places) -> str:
    return (places.card / NAME).read_text("utf-8")


def test_what_wifi_txt_says_is_kept_as_roots_own_connection_and_the_file_is_gone(places: Places) -> None:
    (places.card / "WIFI.TXT").write_bytes(WIFI)
    assert handed.take_wifi(places)
    connection = places.connections / "releve-wifi.nmconnection"
    assert connection.read_bytes() == wifi.keyfile(wifi.parse(WIFI))
    assert stat.S_IMODE(connection.stat().st_mode) == 0o600
    assert names(places.card) == []
    assert SECRET not in (places.box / "wifi.json").read_text()
    assert not handed.take_wifi(places)


def test_the_bytes_of_the_password_are_overwritten_where_they_lay(places: Places) -> None:
    path = places.card / "wifi.txt"
    path.write_bytes(WIFI)
    with path.open("rb") as still_open:
        handed.take_wifi(places)
        assert still_open.read() == bytes(len(WIFI))


def test_the_newest_of_several_is_read_and_all_are_erased(places: Places) -> None:
    for age, (name, text) in enumerate(
        {
            "wifi (1).txt": WIFI,
            "wifi.txt": b"nom = Ancien\nmdp = 12345678\n",
            "Wi-Fi.txt.txt": b"nom = x",
            "notes.txt": b"ours",
        }.items()
    ):
        (places.card / name).write_bytes(text)
        os.utime(places.card / name, (1_000_000_000 - age,) * 2)
    (places.card / "wifi-2.txt").mkdir()
    handed.take_wifi(places)
    kept = said.read(said.WIFI, places.box)
    assert kept is not None
    assert (kept.state, kept.text("ssid"), kept.text("country")) == ("kept", "Café", "BE")
    assert names(places.card) == ["notes.txt", "wifi-2.txt"]


def test_a_wrong_file_is_erased_too_and_the_page_says_which_line_and_not_what(places: Places) -> None:
    (places.card / "wifi.txt").write_bytes(f"nom = x\n{SECRET}\n".encode())
    handed.take_wifi(places)
    assert names(places.card) == []
    assert names(places.connections) == []
    started(places, Programs(ip=[ADDRESS]))
    told = said.read(said.WIFI, places.said)
    assert told is not None
    assert (told.state, told.text("code"), told.number("line")) == ("wrong", "no_separator", 2)
    assert "wifi.txt, ligne 2" in page(places)
    assert "wifi.txt, line 2" in page(places)
    assert SECRET not in page(places)


def test_where_the_house_lives_in_memory_the_file_stays_for_the_next_start(places: Places) -> None:
    said.write(said.DATA, "memory", "worn", folder=places.said)
    (places.card / "wifi.txt").write_bytes(WIFI)
    handed.take_wifi(places)
    assert (places.card / "wifi.txt").read_bytes() == WIFI
    assert names(places.connections) == ["releve-wifi.nmconnection"]


def test_a_cut_before_the_file_is_erased_only_repeats_it(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    (places.card / "wifi.txt").write_bytes(WIFI)

    def cut(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(handed, "erase", cut)
        with pytest.raises(KeyboardInterrupt):
            handed.take_wifi(places)
    assert (places.card / "wifi.txt").read_bytes() == WIFI
    handed.take_wifi(places)
    assert names(places.card) == []
    assert names(places.connections) == ["releve-wifi.nmconnection"]


def test_what_a_page_names_is_joined_as_if_the_card_had_named_it_and_leaves_nothing(places: Places) -> None:
    places.wanted.write_text(json.dumps({"text": WIFI.decode()}))
    assert handed.take_wanted(places)
    assert not places.wanted.exists()
    assert (places.connections / "releve-wifi.nmconnection").read_bytes() == wifi.keyfile(wifi.parse(WIFI))
    assert not handed.take_wanted(places)


@pytest.mark.parametrize(
    "planted", ["", "{", "[]", '{"text": 3}', '{"text": "[connection]\\nid=x"}', "x" * 100_000, "[" * 60_000]
)
def test_what_the_gateways_user_may_have_planted_says_no_more_than_a_wifi_txt(places: Places, planted: str) -> None:
    places.wanted.write_text(planted)
    handed.take_wanted(places)
    assert not places.wanted.exists()
    assert names(places.connections) == []


def test_a_link_in_its_place_is_taken_away_and_not_followed(places: Places, tmp_path: Path) -> None:
    (tmp_path / "other").write_text(json.dumps({"text": WIFI.decode()}))
    places.wanted.symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic"):
        handed.take_wanted(places)
    assert not places.wanted.is_symlink()
    assert (tmp_path / "other").exists()


def test_a_folder_in_its_place_is_taken_away(places: Places) -> None:
    places.wanted.mkdir()
    with pytest.raises(OSError, match=r"file is needed|directory"):
        handed.take_wanted(places)
    assert not places.wanted.exists()


def test_the_boxs_own_network_is_named_on_the_card(places: Places) -> None:
    hotspot.make(places)
    own = hotspot.own(places)
    assert own is not None
    started(places, Programs(ip=["[]"]))
    assert own.name in page(places)
    assert own.password in page(places)


def test_the_code_is_on_the_card_until_it_was_used(places: Places) -> None:
    programs = Programs(ip=[ADDRESS])
    places.code.write_text(f"{CODE}\n")
    assert started(places, programs) == []
    assert CODE in page(places)
    assert "http://192.168.1.23" in page(places)
    places.code.write_text("")
    started(places, programs)
    assert CODE not in page(places)
    assert "Le boîtier est installé" in page(places)


def test_the_code_is_told_to_nobody_but_the_card_and_the_consoles(places: Places) -> None:
    places.code.write_text(CODE)
    started(places, Programs(ip=[ADDRESS]))
    for path in places.said.iterdir():
        assert CODE not in path.read_text()


def test_a_code_that_changes_meanwhile_is_not_missed(places: Places) -> None:
    places.code.write_text(CODE)

    def used(_: float) -> None:
        places.code.write_text("")

    first.run(places, Programs(ip=["[]"]), used)
    assert CODE not in page(places)


def test_a_box_whose_gateway_said_nothing_says_that_its_pages_do_not_answer(places: Places) -> None:
    started(places, Programs(ip=[ADDRESS]))
    assert "n’a pas pu ouvrir ses pages" in page(places)


@pytest.mark.parametrize(
    "planted", ["../connections", "<b>1234</b>", "12345678", "1234-5678" * 20, "1234-56\u0667\u0668"]
)
def test_only_a_code_is_believed_of_what_the_gateways_user_may_have_planted(places: Places, planted: str) -> None:
    places.code.write_text(planted)
    assert handed.read_code(places) is None


def test_no_link_and_no_pipe_is_followed(places: Places, tmp_path: Path) -> None:
    (tmp_path / "other").write_text(CODE)
    places.code.symlink_to(tmp_path / "other")
    assert handed.read_code(places) is None
    places.code.unlink()
    os.mkfifo(places.code)
    assert handed.read_code(places) is None


def test_a_page_that_says_the_same_is_not_written_again(places: Places) -> None:
    programs = Programs(ip=[ADDRESS])
    started(places, programs)
    before = (places.card / NAME).stat()
    started(places, programs)
    assert (places.card / NAME).stat() == before
    assert names(places.card) == [NAME]


@pytest.mark.parametrize(
    ("devices", "heard", "fate"),
    [
        ("ethernet:unavailable:\nwifi:connected:releve-wifi\n", "", "joined"),
        ("ethernet:connected:wired\n", "", "no_radio"),
        ("wifi:disconnected:\n", "616263\n", "not_found"),
        ("wifi:disconnected:\n", "616263\n436166C3A9\n", "refused"),
        ("wifi:connecting (configuring):releve-wifi\n", "436166C3A9\n", "refused"),
        ("wifi:connecting (getting IP configuration):releve-wifi\n", "436166C3A9\n", "no_address"),
        ("wifi:connected:another\n", "", "not_found"),
    ],
)
def test_what_became_of_the_wifi_is_said(places: Places, devices: str, heard: str, fate: str) -> None:
    (places.card / "wifi.txt").write_bytes(WIFI)
    handed.take_wifi(places)
    programs = Programs(devices=[devices], heard=[heard], ip=[ADDRESS])
    waits = started(places, programs)
    told = said.read(said.WIFI, places.said)
    assert told is not None
    assert "iw reg set BE" in programs.asked
    if fate == "joined":
        assert (told.state, waits) == ("joined", [])
        assert "sheet alert" not in page(places)
    else:
        assert (told.state, told.text("code"), told.text("ssid")) == ("failed", fate, "Café")
        assert "sheet alert" in page(places)
        assert sum(waits) == first.WAIT_S_MAX


def test_where_networkmanager_does_not_answer_nothing_is_made_up(places: Places) -> None:
    (places.card / "wifi.txt").write_bytes(WIFI)
    handed.take_wifi(places)
    started(places, Programs(ip=[ADDRESS]))
    assert "Le boîtier n’a pas rejoint le réseau" in page(places)


def test_the_code_is_on_the_card_before_the_network_is_waited_for(places: Places) -> None:
    places.code.write_text(CODE)
    seen: list[bool] = []
    first.run(places, Programs(ip=["[]"]), lambda _: seen.append(CODE in page(places)))
    assert set(seen) == {True}


def test_a_network_that_comes_late_is_waited_for(places: Places) -> None:
    (places.card / "wifi.txt").write_bytes(WIFI)
    handed.take_wifi(places)
    late = ["wifi:connecting (configuring):releve-wifi\n"] * 2 + ["wifi:connected:releve-wifi\n"]
    waits = started(places, Programs(devices=late, heard=["436166C3A9"], ip=["[]", "[]", ADDRESS]))
    assert len(waits) == 2
    assert "http://192.168.1.23" in page(places)


def test_the_address_of_its_own_wifi_is_no_address_in_the_home() -> None:
    both = json.dumps([{"addr_info": [{"local": hotspot.ADDRESS}]}, {"addr_info": [{"local": "192.168.1.23"}]}])
    assert first.addresses(Programs(ip=[both])) == ["192.168.1.23"]


def test_a_strangers_name_moves_no_consoles_cursor(places: Places, tmp_path: Path) -> None:
    trouble = Trouble(*first.FATES["refused"], "\x1b[2J\u202e")
    consoles = tmp_path / "active"
    consoles.write_text("ttyS0 missing\n")
    (tmp_path / "ttyS0").touch()
    first.tell(Standing(Stage.CODE, CODE, ("192.168.1.23",), trouble), consoles, tmp_path)
    told = (tmp_path / "ttyS0").read_text()
    assert CODE in told
    assert "http://192.168.1.23" in told
    assert "«" in told
    assert not {"\x1b", "\u202e"} & set(told)
