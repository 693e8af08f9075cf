"""The keys at rest: sealed, bound to their meter, never lost with the box's readings."""

import base64
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway import keys
from gateway.keys import Keys, KeysError, Plate
from gateway.secret import SECRET_BYTES, BoxSecret, SecretError

WATER = "wmbus:KAM-12345678-1b-16"
HEAT = "wmbus:KAM-12345679-1b-04"
KEY = bytes(range(16))
OTHER = bytes(range(16, 32))


def forms(key: bytes) -> tuple[bytes, ...]:
    """Every way in which a careless program would write a key."""
    return key, key.hex().encode(), key.hex().upper().encode(), base64.b64encode(key), base64.urlsafe_b64encode(key)


class Box:
    """A data folder and a secret beside it; `keys` opens them again, as a restart does."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        self.path = self.data / "keys.json"
        self.secret = BoxSecret(folder / "config" / "releve" / "box-secret")

    def keys(self, dwelling: str = "maison") -> Keys:
        return Keys(self.path, self.secret, dwelling)

    def with_keys(self, *meters: str | Plate, key: bytes = KEY) -> Keys:
        kept = self.keys()
        kept.put(dict.fromkeys(meters, key))
        return kept

    def content(self) -> dict[str, object]:
        content: dict[str, object] = json.loads(self.path.read_text())
        return content

    def change(self, **changes: object) -> None:
        self.path.write_text(json.dumps(self.content() | changes))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def all_is_well(box: Box, kept: Mapping[str, bytes]) -> bool:
    opened = box.keys()
    return opened.trouble is None and {meter: opened.of(meter) for meter in kept} == kept


def clear(path: Path, *documents: Mapping[str, object]) -> None:
    """The file as the program before this one wrote it."""
    path.write_text(json.dumps({"keys": {str(n): document for n, document in enumerate(documents, 1)}}))


def document(address: str = WATER, key: str = KEY.hex(), dwelling: str = "maison") -> dict[str, object]:
    return {"address": address, "dwelling": dwelling, "key": key}


def test_a_key_is_there_after_a_restart_and_can_be_forgotten(box: Box) -> None:
    box.keys().put({WATER: KEY, HEAT: OTHER})
    box.keys().put({HEAT: None})
    assert (box.keys().of(WATER), box.keys().of(HEAT), box.keys().trouble) == (KEY, None, None)


def test_a_copied_data_folder_holds_no_key_in_any_form_and_only_the_owner_reads_it(box: Box) -> None:
    kept = box.with_keys(WATER)
    written = b"".join(path.read_bytes() for path in box.data.iterdir())
    assert [form for form in forms(KEY) if form in written] == []
    assert KEY.hex() not in repr(kept) + repr(box.secret)
    assert {path.name: path.stat().st_mode & 0o777 for path in box.data.iterdir()} == {"keys.json": 0o600}
    assert box.secret.path.stat().st_mode & 0o777 == 0o600
    box.path.chmod(0o644)
    box.secret.path.chmod(0o644)
    assert box.keys().of(WATER) == KEY
    assert (box.path.stat().st_mode | box.secret.path.stat().st_mode) & 0o777 == 0o600


def test_a_house_without_keys_has_no_secret_and_loads_no_cryptography(box: Box) -> None:
    box.keys().put({})
    assert list(box.data.iterdir()) == []
    assert not box.secret.path.exists()
    program = (
        "import sys; from pathlib import Path; from gateway.keys import Keys; from gateway.secret import BoxSecret;"
        f"Keys(Path({str(box.path)!r}), BoxSecret(Path('nowhere')), 'maison').of({WATER!r});"
        "print('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_the_same_key_sealed_twice_looks_like_two(box: Box) -> None:
    box.with_keys(WATER, HEAT)
    listed = box.content()["keys"]
    assert isinstance(listed, list)
    assert len({one["sealed"] for one in listed}) == 2


def test_keys_that_are_known_are_not_written_again(box: Box) -> None:
    box.with_keys(WATER)
    before = box.path.stat().st_ino
    box.with_keys(WATER)
    assert box.path.stat().st_ino == before


def test_a_sealed_key_that_is_moved_to_another_meter_or_dwelling_does_not_open(box: Box) -> None:
    for field, value in (("meter", HEAT), ("dwelling", "studio")):
        box.path.unlink(missing_ok=True)
        box.with_keys(WATER)
        listed = box.content()["keys"]
        assert isinstance(listed, list)
        box.change(keys=[listed[0] | {field: value}])
        moved = box.keys("studio" if field == "dwelling" else "maison")
        assert (moved.of(WATER), moved.of(HEAT)) == (None, None)
        assert moved.trouble is not None
        assert "was changed or moved and does not open; type it again" in moved.trouble


def test_a_key_that_does_not_open_leaves_the_others_and_is_replaced_by_typing_it(box: Box) -> None:
    box.with_keys(WATER, HEAT)
    listed = box.content()["keys"]
    assert isinstance(listed, list)
    box.change(keys=[listed[0] | {"sealed": listed[1]["sealed"]}, listed[1]])
    kept = box.keys()
    assert (kept.of(WATER), kept.of(HEAT)) == (None, KEY)
    kept.put({HEAT: OTHER})
    assert box.keys().trouble is not None
    kept.put({WATER: KEY})
    assert all_is_well(box, {WATER: KEY, HEAT: OTHER})


# Keys that lay in clear


def test_keys_that_lay_in_clear_are_sealed_and_gone_from_the_file(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clear(box.path, document(), document(HEAT, OTHER.hex()), document(WATER, OTHER.hex(), "studio"))
    box.keys().seal()
    written = box.path.read_bytes() + caplog.text.encode()
    assert [form for key in (KEY, OTHER) for form in forms(key) if form in written] == []
    assert (box.keys().of(WATER), box.keys().of(HEAT), box.keys("studio").of(WATER)) == (KEY, OTHER, OTHER)
    assert box.content()["version"] == keys.VERSION
    assert [path.name for path in box.data.iterdir()] == ["keys.json"]


def test_a_command_that_only_looks_seals_nothing(box: Box) -> None:
    clear(box.path, document())
    before = box.path.read_bytes()
    assert box.keys().of(WATER) == KEY
    assert box.path.read_bytes() == before


def test_keys_that_cannot_be_sealed_go_on_opening_their_meters_and_it_is_said(box: Box) -> None:
    clear(box.path, document())
    box.secret.path.parent.parent.write_text("a file where the folder should be")
    kept = box.keys()
    kept.seal()
    assert kept.of(WATER) == KEY
    assert kept.trouble == (
        f"{box.path}: the keys in it still lie in clear: {box.secret.path}: cannot be read: Not a directory"
    )
    with pytest.raises(KeysError, match="cannot be read: Not a directory"):
        kept.put({HEAT: OTHER})
    box.secret.path.parent.parent.unlink()
    kept.put({HEAT: OTHER})
    assert all_is_well(box, {WATER: KEY, HEAT: OTHER})
    assert [path.name for path in box.data.iterdir()] == ["keys.json"]


# A secret that is lost, or another


def lose(box: Box) -> str:
    box.secret.path.unlink()
    return "is not there"


def exchange(box: Box) -> str:
    box.secret.path.write_bytes(bytes(SECRET_BYTES))
    return "is another one"


@pytest.mark.parametrize("spoil", [lose, exchange])
def test_without_its_secret_no_key_opens_nothing_is_touched_and_the_secret_put_back_opens_all(
    box: Box, spoil: Callable[[Box], str]
) -> None:
    box.with_keys(WATER)
    before, secret = box.path.read_bytes(), box.secret.path.read_bytes()
    what = spoil(box)
    kept = box.keys()
    assert kept.of(WATER) is None
    assert kept.trouble == (
        f"{box.path}: the keys in it cannot be read: the box secret that they are sealed under, {box.secret.path}, "
        f"{what}; put it back, or type the keys again"
    )
    assert box.path.read_bytes() == before
    assert [path.name for path in box.data.iterdir()] == ["keys.json"]
    box.secret.path.write_bytes(secret)
    assert (box.keys().of(WATER), box.keys().trouble) == (KEY, None)


@pytest.mark.parametrize("spoil", [lose, exchange])
def test_a_key_typed_again_works_and_what_could_not_be_read_is_set_aside(box: Box, spoil: Callable[[Box], str]) -> None:
    box.with_keys(WATER, HEAT)
    for number in (1, 2):
        before, secret = box.path.read_bytes(), box.secret.path.read_bytes()
        spoil(box) if number == 1 else lose(box)
        kept = box.keys()
        kept.put({WATER: OTHER})
        assert (kept.of(WATER), kept.of(HEAT), kept.trouble) == (OTHER, None, None)
        assert (box.keys().of(WATER), box.keys().of(HEAT), box.keys().trouble) == (OTHER, None, None)
        aside = box.data / ("keys.json.unreadable" if number == 1 else "keys.json.unreadable-2")
        assert aside.read_bytes() == before
        assert aside.stat().st_mode & 0o777 == 0o600
        assert Keys(aside, BoxSecret(box.data / "old"), "maison").trouble is not None
        (box.data / "old").write_bytes(secret)
        assert Keys(aside, BoxSecret(box.data / "old"), "maison").of(WATER) == (KEY if number == 1 else OTHER)
        (box.data / "old").unlink()


def test_a_secret_lost_while_the_box_runs_costs_no_key(box: Box) -> None:
    kept = box.with_keys(WATER)
    lose(box)
    kept.put({HEAT: OTHER})
    assert (box.keys().of(WATER), box.keys().of(HEAT)) == (KEY, OTHER)


def test_another_dwellings_keys_are_carried_along(box: Box) -> None:
    box.keys("studio").put({WATER: OTHER})
    box.keys().put({WATER: KEY})
    assert (box.keys("studio").of(WATER), box.keys().of(WATER)) == (OTHER, KEY)


def test_another_dwellings_keys_are_set_aside_when_their_secret_is_gone(box: Box) -> None:
    box.keys("studio").put({WATER: OTHER})
    kept = box.keys()
    lose(box)
    kept.put({WATER: KEY})
    assert (box.data / "keys.json.unreadable").exists()


# Files that are no good


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"version": "2"}',
        b'{"version": 1, "keys": {}}',
        b'{"version": true}',
        b'{"version": 2}',
        b'{"version": 2, "secret": "", "keys": {}}',
        b'{"version": 2, "secret": "", "keys": [{}]}',
        b'{"version": 2, "secret": "", "keys": [[]]}',
        b'{"version": 2, "secret": "", "keys": [{"meter": 1, "dwelling": "maison", "sealed": ""}]}',
        b'{"keys": []}',
        b'{"keys": {"1": []}}',
        json.dumps({"keys": {"1": document(key=KEY.hex() + "0")}}).encode(),
        json.dumps({"keys": {"1": document(key="é" * 32)}}).encode(),
        json.dumps({"keys": {"1": document("Eau")}}).encode(),
        KEY.hex().encode(),
        b" " * 10_000_001,
    ],
)
def test_a_damaged_file_stops_no_box_shows_no_key_and_is_set_aside_by_the_next_one(box: Box, content: bytes) -> None:
    box.path.write_bytes(content)
    kept = box.keys()
    kept.seal()
    assert kept.trouble == f"{box.path}: is damaged, and the keys in it cannot be read; type them again"
    assert box.path.read_bytes() == content
    kept.put({WATER: KEY})
    assert (box.keys().of(WATER), box.keys().trouble) == (KEY, None)
    assert (box.data / "keys.json.unreadable").read_bytes() == content


@pytest.mark.parametrize("sealed", ["", "!", "é", "QUJD", base64.b64encode(bytes(44)).decode()])
def test_a_sealed_text_of_any_kind_is_no_key_and_no_bug(box: Box, sealed: str) -> None:
    box.with_keys(WATER)
    box.change(keys=[{"dwelling": "maison", "meter": WATER, "sealed": sealed}])
    assert box.keys().of(WATER) is None
    assert box.keys().trouble is not None


def test_a_newer_programs_keys_are_not_touched(box: Box) -> None:
    box.path.write_text('{"version": 3, "whatever": []}')
    with pytest.raises(KeysError, match="was written by a newer program"):
        box.keys()
    assert box.path.read_text() == '{"version": 3, "whatever": []}'


def test_a_file_that_cannot_be_opened_is_told_in_one_sentence(box: Box) -> None:
    box.path.mkdir()
    assert box.keys().trouble == f"{box.path}: the keys in it cannot be read: Is a directory; type them again"


def test_more_keys_than_a_tower_block_has_are_refused_whole(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "KEYS_MAX", 2)
    kept = box.with_keys(WATER)
    with pytest.raises(KeysError, match="at most 2 keys are kept"):
        kept.put({HEAT: OTHER, Plate("12345670"): OTHER})
    assert (kept.of(HEAT), box.keys().of(HEAT)) == (None, None)


def test_a_card_that_is_full_leaves_the_keys_that_were_there(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = box.with_keys(WATER)

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            kept.put({WATER: OTHER, HEAT: OTHER})
    assert (kept.of(WATER), kept.of(HEAT)) == (KEY, None)
    assert (box.keys().of(WATER), box.keys().of(HEAT)) == (KEY, None)


# The secret's own file


@pytest.mark.parametrize(("size", "said"), [(0, "0"), (31, "31"), (33, "more than 32"), (5000, "more than 32")])
def test_a_secret_of_another_size_is_none_and_is_left_as_it_is(box: Box, size: int, said: str) -> None:
    box.secret.path.parent.mkdir(parents=True)
    box.secret.path.write_bytes(bytes(size))
    for attempt in (box.secret.read, box.secret.make):
        with pytest.raises(SecretError) as met:
            attempt()
        assert str(met.value) == f"{box.secret.path}: a box secret has 32 bytes, and this has {said}"
    assert box.secret.path.read_bytes() == bytes(size)


def test_two_boxes_that_need_a_secret_at_once_have_the_same(box: Box) -> None:
    program = (
        "import sys; from pathlib import Path; from gateway.secret import BoxSecret;"
        "sys.stdout.write(BoxSecret(Path(sys.argv[1])).make().hex())"
    )
    run = [sys.executable, "-c", program, str(box.secret.path)]
    at_once = [subprocess.Popen(run, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert len({process.communicate(timeout=15)[0] for process in at_once}) == 1
    assert [path.name for path in box.secret.path.parent.iterdir()] == ["box-secret"]


def test_the_secret_is_on_the_card_before_the_first_key_is(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    fsync = os.fsync

    def noted(file: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{file}").readlink().name.partition(".")[0])
        fsync(file)

    monkeypatch.setattr(os, "fsync", noted)
    box.with_keys(WATER)
    assert flushed == ["box-secret", "releve", "keys", "data"]


def test_a_secret_that_cannot_be_made_says_what_to_do(box: Box) -> None:
    with pytest.raises(SecretError, match=r"cannot be made: .*; name a file elsewhere with box\.secret"):
        BoxSecret(Path("/proc/releve/box-secret")).make()


# Plates


@pytest.mark.parametrize(
    ("plate", "address", "fits"),
    [
        (Plate("12345678"), WATER, True),
        (Plate("12345678"), "mbus:SEN-12345678-01-07", True),
        (Plate("12345679"), WATER, False),
        (Plate("12345678", "KAM", "1b", "16"), WATER, True),
        (Plate("12345678", "KAM", "27", "22"), WATER, True),  # in decimal
        (Plate("12345678", "SEN"), WATER, False),
        (Plate("12345678", "", "1c"), WATER, False),
        (Plate("12345678", "", "", "7"), WATER, False),
        (Plate("12345678"), "tic:041234567890", False),
        (Plate("12345678"), "modbus:bus/1", False),
        (Plate("1234567a"), "wmbus:KAM-1234567A-1b-16", True),
    ],
)
def test_a_plate_is_that_of_a_meter_when_nothing_it_says_is_otherwise(plate: Plate, address: str, fits: bool) -> None:
    assert plate.fits(address) is fits
    assert Plate.parse(str(plate)) == plate


def test_the_key_of_a_plate_opens_the_meter_that_it_fits(box: Box) -> None:
    box.with_keys(Plate("12345678"))
    kept = box.keys()
    assert (kept.of(WATER), kept.of(HEAT), kept.get(WATER), kept.get(Plate("12345678"))) == (KEY, None, None, KEY)
    assert kept.plates("12345678") == (Plate("12345678"),)


def test_of_two_plates_the_one_that_says_more_is_meant_and_a_meters_own_key_goes_before_both(box: Box) -> None:
    kept = box.with_keys(Plate("12345678"))
    kept.put({Plate("12345678", "KAM"): OTHER})
    assert kept.of(WATER) == OTHER
    assert kept.of("wmbus:SEN-12345678-01-07") == KEY
    kept.put({WATER: KEY})
    assert kept.of(WATER) == KEY


def test_two_plates_that_say_as_much_and_disagree_give_no_key(box: Box) -> None:
    kept = box.with_keys(Plate("12345678", "KAM"))
    kept.put({Plate("12345678", "", "1b"): OTHER})
    assert kept.of(WATER) is None
    kept.put({Plate("12345678", "", "1b"): KEY})
    assert kept.of(WATER) == KEY


def test_a_password_of_a_port_lies_sealed_beside_the_keys(box: Box) -> None:
    kept = box.with_keys(WATER)
    kept.put({"port:broker": "été chaud".encode()})
    assert box.keys().get("port:broker") == "été chaud".encode()
    assert box.keys().get(WATER) == KEY
    for form in forms("été chaud".encode()):
        assert form not in box.path.read_bytes()
    kept.put({"port:broker": None})
    assert box.keys().get("port:broker") is None
