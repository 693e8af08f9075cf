from pathlib import Path

import pytest

from gateway.box import system_slots
from gateway.box.card import Card
from gateway.box.system_slots import BlockDevice, Loader, Pi, Uefi, loader, root_part, running_slot
from gateway.box.update_file import Refused

CONFIG = "# ours\narm_64bit=1\nos_prefix=releve-a/\n[pi4]\nhdmi=\xe9\n"


@pytest.mark.parametrize(
    ("line", "slot"),
    [
        ("root=PARTUUID=52656c76-02 ro quiet", "a"),
        ("console=tty0 root=PARTUUID=52656c76-03 ro", "b"),
        ("root=PARTUUID=52656c76-04 ro", None),
        ("root=/dev/sda1 ro", None),
        ("", None),
    ],
)
def test_which_root_runs_is_what_the_kernel_was_told(line: str, slot: str | None) -> None:
    assert running_slot(line) == slot


def test_what_started_the_machine(tmp_path: Path) -> None:
    efi, model = tmp_path / "efi", tmp_path / "model"
    assert loader(efi, model) is Loader.NONE
    model.write_bytes(b"Another Board\0")
    assert loader(efi, model) is Loader.NONE
    model.write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    assert loader(efi, model) is Loader.PI
    efi.mkdir()
    assert loader(efi, model) is Loader.UEFI


def test_the_other_root_is_on_the_disk_that_holds_the_house(tmp_path: Path) -> None:
    mounts, classes = tmp_path / "mounts", tmp_path / "class"
    for disk in ("vda", "sdb"):
        for number in (1, 2, 3, 4):
            folder = tmp_path / "devices" / disk / f"{disk}{number}"
            folder.mkdir(parents=True)
            (folder / "partition").write_text(f"{number}\n")
            (folder / "size").write_text(f"{number * 1000}\n")
            classes.mkdir(exist_ok=True)
            (classes / f"{disk}{number}").symlink_to(folder)
    mounts.write_text("/dev/sdb1 /media ext4 rw 0 0\n/dev/vda4 /data ext4 rw 0 0\n")
    found = root_part("b", Path("/data"), mounts, classes)
    assert isinstance(found, BlockDevice)
    assert (found.path, found.size_bytes) == (Path("/dev/vda3"), 3000 * 512)
    mounts.write_text("tmpfs /data tmpfs rw 0 0\n")
    with pytest.raises(Refused, match="not found"):
        root_part("b", Path("/data"), mounts, classes)


def test_on_a_pi_its_owner_s_lines_stay(tmp_path: Path) -> None:
    (tmp_path / "config.txt").write_text(CONFIG, encoding="latin-1")
    pi = Pi(Card(), tmp_path)
    pi.try_once("b", "0.2.0")
    assert (tmp_path / "config.txt").read_text(encoding="latin-1") == CONFIG
    assert (tmp_path / "tryboot.txt").read_text(encoding="latin-1") == CONFIG.replace("releve-a", "releve-b")
    assert pi.reboot == ("0 tryboot",)
    pi.keep("b")
    pi.keep("b")
    assert (tmp_path / "config.txt").read_text(encoding="latin-1") == CONFIG.replace("releve-a", "releve-b")
    assert [path.name for path in tmp_path.iterdir()] == ["config.txt"]


@pytest.mark.parametrize("config", [None, "arm_64bit=1\n"])
def test_a_pi_without_a_line_to_change_is_refused(tmp_path: Path, config: str | None) -> None:
    if config is not None:
        (tmp_path / "config.txt").write_text(config)
    with pytest.raises(Refused, match=r"config\.txt"):
        Pi(Card(), tmp_path).try_once("b", "0.2.0")
    assert not (tmp_path / "tryboot.txt").exists()


def test_on_uefi_an_entry_counts_and_then_does_not(tmp_path: Path) -> None:
    entries = tmp_path / "loader/entries"
    entries.mkdir(parents=True)
    (tmp_path / "loader/loader.conf").write_text("timeout 0\ndefault releve-a.conf\neditor no\n")
    (entries / "releve-a.conf").write_text("title Relevé\n")
    (entries / "releve-b+0-3.conf").write_text("an old one\n")
    (tmp_path / "releve-b").mkdir()
    said = "title Relevé\nsort-key x\nversion 0.1.0\nlinux /releve-a/linux\noptions root=PARTUUID=52656c76-02 ro\n"
    (tmp_path / "releve-b/entry.conf").write_text(said)
    uefi = Uefi(Card(), tmp_path)
    uefi.try_once("b", "0.2.0")
    assert (tmp_path / "loader/loader.conf").read_text() == "timeout 0\neditor no\ndefault releve-*\n"
    assert sorted(path.name for path in entries.iterdir()) == ["releve-a.conf", "releve-b+3.conf"]
    assert (entries / "releve-b+3.conf").read_text().splitlines() == [
        "title Relevé",
        "linux /releve-b/linux",
        "options root=PARTUUID=52656c76-03 ro",
        "sort-key releve",
        "version 0.2.0",
    ]
    (entries / "releve-b+3.conf").rename(entries / "releve-b+2-1.conf")  # as systemd-boot does
    uefi.keep("b")
    uefi.keep("b")
    assert sorted(path.name for path in entries.iterdir()) == ["releve-a.conf", "releve-b.conf"]
    uefi.forget("b")
    uefi.forget("b")
    assert [path.name for path in entries.iterdir()] == ["releve-a.conf"]


def test_a_partition_is_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "vda3"
    path.write_bytes(b"old" * 1000)
    part = BlockDevice(path, 3000)
    with part.open() as stream:
        stream.write(b"new")
        part.flush(stream)
    with part.read_back() as stream:
        assert stream.read(6) == b"newold"


def test_nothing_that_starts_a_machine_can_be_told_nothing(tmp_path: Path) -> None:
    assert system_slots.boot_of(Loader.NONE, Card(), tmp_path) is None
    assert isinstance(system_slots.boot_of(Loader.PI, Card(), tmp_path), Pi)
    assert isinstance(system_slots.boot_of(Loader.UEFI, Card(), tmp_path), Uefi)
