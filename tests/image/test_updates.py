"""Updates, as their owner brings them on the page: taken, cut in the middle, bad ones undone by the box itself, and refused.

They are made of the image that is tried, with another number, and signed with the key that it takes, as `make image` left it.
A system is started by the box's own firmware, an app is nothing to it.
"""

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.box.update_file import Kind
from tests.image import within
from tests.image.card import ROOT_A, Card, Image, ran
from tests.image.guest import UEFI, Guest, Power, Record, until
from tests.image.household import first_visit
from tests.integration.visitor import Visitor, hidden
from tools.update_file import About, new_key, read_key, squashed, system_parts, write

NEWER, NEWEST = "9.1.0", "9.2.0"
PAGE = "/box/update?lang=en"
SENT_S_MAX, SETTLED_S_MAX = 600.0, 1500.0
CUTS = 3
ENDS_AT_ONCE = "raise SystemExit(1)\n"

pytestmark = pytest.mark.timeout(3600)


class Maker:
    """Makes updates of the image, in a folder that is gone after the tests."""

    def __init__(self, image: Image, folder: Path) -> None:
        self.image = image
        self.folder = folder
        self.key = read_key(image.path.with_name("update-key"))
        self.root = folder / "root"
        offset = str(image.parts[ROOT_A].start)
        ran("unsquashfs", "-quiet", "-no-progress", "-offset", offset, "-dest", str(self.root), str(image.path))
        schemas = ran("chroot", str(self.root), "/opt/releve/base/bin/python", "-I", "-m", "gateway.schemas")
        self.schemas: dict[str, int] = json.loads(schemas)
        self.base = self.root / "opt/releve/base"

    def app(self, version: str, *, spoil: str = "", key: str = "", arch: str = "") -> bytes:
        """`spoil`: what stands in the place of the program."""
        part = self.folder / "app.squashfs"
        with self._numbered(version, spoil):
            squashed(self.base, part, datetime.now(UTC))
        return self._written(Kind.APP, version, {"app": part}, key, arch).read_bytes()

    def system(self, version: str, *, spoil: str = "") -> bytes:
        """It lets the test in, as `Card.let_in` does."""
        made = self.folder / "system"
        (made / "boot").mkdir(parents=True, exist_ok=True)
        ran("mcopy", "-n", "-o", "-s", "-i", self.image.boot_partition, "::/releve-a/*", str(made / "boot"))
        self.image.from_boot("loader/entries/releve-a.conf", made / "boot/entry.conf")
        initrd = made / "boot/initrd"
        initrd.write_bytes(within.added() + initrd.read_bytes())
        about = self.root / "usr/share/releve/image.json"
        before = about.read_text()
        about.write_text(json.dumps({**json.loads(before), "version": version}))
        try:
            with self._numbered(version, spoil):
                ran(
                    "mksquashfs", str(self.root), str(made / "root.squashfs"), "-noappend", "-quiet", "-no-progress",
                    "-comp", "zstd", "-Xcompression-level", "3",
                )  # fmt: skip
        finally:
            about.write_text(before)
        return self._written(Kind.SYSTEM, version, system_parts(made), "", "").read_bytes()

    def _numbered(self, version: str, spoil: str) -> "_Changed":
        (about,) = self.base.glob("lib/python3*/site-packages/releve-*.dist-info/METADATA")
        lines = about.read_text().split("\n")
        lines = [f"Version: {version}" if line.startswith("Version:") else line for line in lines]
        changed = {about: "\n".join(lines)}
        if spoil:
            (program,) = self.base.glob("lib/python3*/site-packages/gateway/__main__.py")
            changed[program] = spoil
        return _Changed(changed)

    def _written(self, kind: Kind, version: str, parts: dict[str, Path], key: str, arch: str) -> Path:
        about = About(
            kind, version, datetime.now(UTC), arch or self.image.arch, "3.13", self.image.about["version"], self.schemas
        )
        return write(self.folder, about, parts, key or self.key)


class _Changed:
    """Files that say something else meanwhile, their bytecode away."""

    def __init__(self, texts: dict[Path, str]) -> None:
        self._texts = texts
        self._before: dict[Path, bytes] = {}

    def __enter__(self) -> None:
        for path, text in self._texts.items():
            cached = path.parent.glob(f"__pycache__/{path.stem}.*") if path.suffix == ".py" else ()
            for each in (path, *cached):
                self._before[each] = each.read_bytes()
                each.unlink()
            path.write_text(text)

    def __exit__(self, *_: object) -> None:
        for path, data in self._before.items():
            path.write_bytes(data)


@pytest.fixture(scope="module")
def maker(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    folder = tmp_path_factory.mktemp("updates")
    yield Maker(image, folder)
    ran("rm", "-rf", "--one-file-system", str(folder))


def sent(visitor: Visitor, data: bytes) -> str:
    """What the page says of a file once it was looked at."""
    visitor.sends_file(PAGE, "/box/update", "releve.update", data)
    assert visitor.status == 200
    page = ""

    def looked_at() -> bool:
        nonlocal page
        page = visitor.ask(PAGE)
        return "The file is here." not in page and "A file is on its way" not in page

    until(looked_at, "the file was looked at", SENT_S_MAX)
    return page


def install(visitor: Visitor, data: bytes, version: str) -> None:
    """Send it, look at it, say yes."""
    page = sent(visitor, data)
    assert "The file is whole, and signed by who makes Relevé. Install it?" in page, page
    assert version in page
    visitor.ask("/box/update/install", {**hidden(page), "from": "file", "version": version})
    assert visitor.status == 200


def says(guest: Guest, visitor: Visitor, sentence: str) -> Callable[[], bool]:
    def said() -> bool:
        guest.alive()
        return sentence in visitor.ask(PAGE)

    return said


def runs(guest: Guest) -> str:
    """The version of the program that runs."""
    return guest.run("/opt/releve/venv/bin/python", "-Ic", "from webui.about import version; print(version())").strip()


def healthy(guest: Guest) -> None:
    guest.settled()
    assert guest.run("systemctl", "list-units", "--failed", "--plain", "--quiet") == ""


def test_an_update_of_the_program_is_taken_and_stays_over_a_power_cut(
    card: Card, power: Power, maker: Maker, record_property: Record
) -> None:
    with power(card) as guest:
        visitor = first_visit(guest)
        began = time.monotonic()
        install(visitor, maker.app(NEWER), NEWER)
        until(says(guest, visitor, f"Version {NEWER} is installed, and does well."), "it is installed", SETTLED_S_MAX)
        record_property("s from the file to the good version", f"{time.monotonic() - began:.0f}")
        assert runs(guest) == NEWER
        guest.cut()
    with power(card) as guest:
        assert runs(guest) == NEWER
        healthy(guest)
        assert re.search(rf"Version <b[^>]*>{re.escape(NEWER)}</b> runs here\.", visitor.ask(PAGE))


def test_an_update_of_the_program_that_is_cut_short_leaves_the_old_one_or_the_new_one(
    card: Card, power: Power, maker: Maker, record_property: Record
) -> None:
    random.seed(4)
    update, found = maker.app(NEWER), []
    visitor: Visitor | None = None
    for _ in range(CUTS):
        with power(card) as guest:
            visitor = visitor or first_visit(guest)
            healthy(guest)
            found.append(runs(guest))
            assert found[-1] in (card.image.about["version"], NEWER)
            if found[-1] == NEWER:
                break
            install(visitor, update, NEWER)
            time.sleep(random.uniform(0, 20))
            guest.cut()
    with power(card) as guest:
        assert visitor is not None
        healthy(guest)
        found.append(runs(guest))
        assert found[-1] in (card.image.about["version"], NEWER)
        if "runs on trial" not in visitor.ask(PAGE) and found[-1] != NEWER:
            install(visitor, update, NEWER)
        until(says(guest, visitor, f"Version {NEWER} is installed, and does well."), "it is installed", SETTLED_S_MAX)
    record_property("after each cut ran", " ".join(found))


def test_a_program_that_does_not_start_is_taken_back_by_the_box_itself(
    card: Card, power: Power, maker: Maker, record_property: Record
) -> None:
    with power(card) as guest:
        visitor, before = first_visit(guest), runs(guest)
        began = time.monotonic()
        install(visitor, maker.app(NEWER, spoil=ENDS_AT_ONCE), NEWER)
        sentence = f"Version {NEWER} did not do well, and the box went back to version {before} by itself."
        until(says(guest, visitor, sentence), "it is taken back", SETTLED_S_MAX)
        record_property("s from the file to the old version", f"{time.monotonic() - began:.0f}")
        assert runs(guest) == before
        healthy(guest)


def test_an_update_of_the_system_is_started_once_and_stays(
    card: Card, power: Power, maker: Maker, arch: str, record_property: Record
) -> None:
    card.let_in()
    with power(card, UEFI[arch]) as guest:
        visitor = first_visit(guest)
        assert "52656c76-02" in guest.read("/proc/cmdline")
        began = time.monotonic()
        install(visitor, maker.system(NEWER), NEWER)
        guest.starts_anew(SETTLED_S_MAX)
        assert "52656c76-03" in guest.read("/proc/cmdline")
        until(says(guest, visitor, f"Version {NEWER} is installed, and does well."), "it is installed", SETTLED_S_MAX)
        record_property("s from the file to the good version", f"{time.monotonic() - began:.0f}")
        guest.cut()
    with power(card, UEFI[arch]) as guest:
        assert "52656c76-03" in guest.read("/proc/cmdline")
        assert json.loads(guest.read("/usr/share/releve/image.json"))["version"] == NEWER
        healthy(guest)


def test_a_system_whose_program_does_not_start_is_left_by_the_box_itself(
    card: Card, power: Power, maker: Maker, arch: str, record_property: Record
) -> None:
    card.let_in()
    with power(card, UEFI[arch]) as guest:
        visitor, before = first_visit(guest), runs(guest)
        began = time.monotonic()
        install(visitor, maker.system(NEWER, spoil=ENDS_AT_ONCE), NEWER)
        guest.starts_anew(SETTLED_S_MAX)
        assert "52656c76-03" in guest.read("/proc/cmdline")
        guest.starts_anew(SETTLED_S_MAX)
        sentence = f"Version {NEWER} did not do well, and the box went back to version {before} by itself."
        until(says(guest, visitor, sentence), "it is taken back", SETTLED_S_MAX)
        record_property("s from the file to the old version", f"{time.monotonic() - began:.0f}")
        assert "52656c76-02" in guest.read("/proc/cmdline")
        healthy(guest)


def test_an_update_of_the_system_that_is_cut_short_leaves_a_box_that_starts(
    card: Card, power: Power, maker: Maker, arch: str
) -> None:
    random.seed(5)
    card.let_in()
    update = maker.system(NEWER)
    visitor: Visitor | None = None
    for _ in range(CUTS):
        with power(card, UEFI[arch]) as guest:
            visitor = visitor or first_visit(guest)
            healthy(guest)
            if runs(guest) == NEWER:
                break
            install(visitor, update, NEWER)
            time.sleep(random.uniform(0, 60))
            guest.cut()
    with power(card, UEFI[arch]) as guest:
        healthy(guest)
        assert runs(guest) in (card.image.about["version"], NEWER)


def test_what_is_not_for_this_box_is_refused_and_says_why(card: Card, power: Power, maker: Maker) -> None:
    good = maker.app(NEWEST)
    other_arch = "arm64" if maker.image.arch == "amd64" else "amd64"
    files = {
        "not signed by who makes Relevé": maker.app(NEWER, key=new_key()[0]),
        "not whole": good[: len(good) // 2],
        "another kind of box": maker.app(NEWER, arch=other_arch),
        "older than what runs here": maker.app("0.0.1"),
        "what is in it is not what was signed": good[:-100] + bytes(100),
        "something follows after its end": good + b"more",
        "no update of Relevé": b"PK\x03\x04" + bytes(1000),
    }
    with power(card) as guest:
        visitor, before = first_visit(guest), runs(guest)
        for sentence, data in files.items():
            page = sent(visitor, data)
            assert sentence in page, f"{sentence}: {page}"
            assert "Install it?" not in page
        assert runs(guest) == before
        assert guest.run("ls", "-A", "/var/lib/releve/update", check=False) == ""
