"""Updates of the app in a box with root's part of an image: one that does well, one that does not, and one that is cut short.

The box is a container: its app slots are mounted through the loop devices of this machine. Root partitions and boot loaders are
in tests/gateway/box (every step of them cut) and in the virtual machines of tests/image.
"""

import json
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.box.update_file import Kind
from tests.integration.box_at_home import until
from tests.integration.home import Home
from tests.integration.machine import ROOT, Machine, booted, packed
from tools import update_file as maker

pytestmark = pytest.mark.timeout(400)

OURS = ROOT / "images/files/usr/lib"
VENV = "opt/releve/venv"
OLD = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
GOOD, BAD, CHANGED, LAST = "0.8.1", "0.8.2", "0.8.3", "0.8.4"
HEALTHY_S = 4
KEY, PUBLIC = maker.new_key()

# The root's own app where an image has it; and the house on p4, which is a folder here.
PREPARE = """
mv /opt/releve/venv /opt/releve/base
mkdir -p /opt/releve/venv /data/house /data/box /boot/firmware /usr/share/releve/update-keys
chmod 700 /data/box
systemd-sysusers
chown releve:releve /data/house
chmod 700 /data/house
"""
FILES = {
    "/prepare": PREPARE,
    "/etc/fstab": "/data/house /var/lib/releve none bind 0 0\n",
    "/usr/lib/tmpfiles.d/releve-box.conf": "d /run/releve-box 0755 root root -\n",
    "/etc/releve/releve.toml": "[web]\nmdns = false\n",
    "/usr/share/releve/image.json": json.dumps({"version": OLD, "arch": "amd64", "commit": "", "made": ""}),
    "/usr/share/releve/update-keys/releve.pub": PUBLIC + "\n",
    "/etc/systemd/system/releve-settle.service.d/sooner.conf": (
        "[Service]\nExecStart=\n"
        f"ExecStart=/opt/releve/base/bin/python -I -m gateway.box settle --port 8080 --healthy-s {HEALTHY_S}\n"
    ),
    **{
        f"/usr/lib/systemd/system/{unit}.d/box.conf": "[Unit]\nRequires=releve-app.service\nAfter=releve-app.service\n"
        for unit in ("releve.service", "releve-sync.service", "releve-secret.service")
    },
    **{f"/usr/lib/{path.relative_to(OURS)}": path.read_text() for path in OURS.rglob("*releve-*") if path.is_file()},
    **{f"/usr/lib/{path.relative_to(OURS)}": path.read_text() for path in OURS.rglob("updates.conf")},
}
LOOPS = ("/dev/loop-control", *sorted(str(path) for path in Path("/dev").glob("loop[0-9]*")))


@dataclass(frozen=True)
class Files:
    """Update files of the app as it stands here, under other versions."""

    good: bytes
    bad: bytes
    changed: bytes
    last: bytes


@pytest.fixture(scope="module")
def updates(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("updates")
    subprocess.run(("dpkg-deb", "--extract", str(packed("trixie")), str(folder / "tree")), check=True)
    venv = folder / "tree" / VENV
    packages = next(venv.glob("lib/python3*/site-packages"))
    shutil.rmtree(next(packages.glob("releve-*.dist-info")))
    source = folder / "source"
    for name in ("gateway", "drivers", "sync", "webui"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    numbers = json.loads(
        subprocess.run((".venv/bin/python", "-m", "gateway.schemas"), cwd=ROOT, check=True, capture_output=True).stdout
    )

    def made(version: str, **schemas: int) -> bytes:
        text = (ROOT / "pyproject.toml").read_text().replace(f'version = "{OLD}"', f'version = "{version}"')
        (source / "pyproject.toml").write_text(text)
        wheel = (
            str(ROOT / ".venv/bin/python"),
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
        )
        subprocess.run((*wheel, "--wheel-dir", str(folder / version), str(source)), check=True)
        with zipfile.ZipFile(next((folder / version).glob("*.whl"))) as archive:
            archive.extractall(packages)
        squashfs = folder / "app.squashfs"
        maker.squashed(venv, squashfs, datetime.now(UTC), level=1)
        for each in packages.glob("releve-*.dist-info"):
            shutil.rmtree(each)
        about = maker.About(Kind.APP, version, datetime.now(UTC), "amd64", "3.13", OLD, numbers | schemas)
        return maker.write(folder, about, {"app": squashfs}, KEY).read_bytes()

    good, last = made(GOOD), made(LAST)
    (source / "gateway/__main__.py").write_text("raise SystemExit(1)\n")
    return Files(good, made(BAD), made(CHANGED, series=99), last)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    assert Path("/dev/loop-control").exists()
    binds = [f"--bind={path}" for path in LOOPS]
    with Home() as home, booted(tmp_path_factory.mktemp("box"), home.box, FILES, *binds) as machine:
        yield machine


def page(box: Machine) -> str:
    """What the page says of itself, in the version that answers."""
    ask = (
        "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/api/v1/health', timeout=5).read().decode())"
    )
    return box.run("/opt/releve/base/bin/python", "-I", "-c", ask, check=False)


def answered(box: Machine) -> None:
    try:
        until(lambda: '"ok"' in page(box), "the page answers", 90.0)
    except AssertionError:
        raise AssertionError(f"{page(box)}\n{box.run('journalctl', '--no-pager', '-n', '80')}") from None


def version(box: Machine) -> str:
    return (
        box.run("/opt/releve/venv/bin/python", "-I", "-m", "gateway", "--version", check=False).strip().split(" ")[-1]
    )


def said(box: Machine) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(box.run("cat", "/run/releve-box/update.json", check=False))
    except ValueError:
        return {}
    return found


def bring(box: Machine, data: bytes) -> None:
    """As the gateway does: a file in its house, and one that asks for it."""
    box.run("install", "-d", "-o", "releve", "-g", "releve", "/var/lib/releve/update")
    box.write_bytes("/var/lib/releve/update/arrived", data)
    box.run("chown", "releve:releve", "/var/lib/releve/update/arrived")
    box.run("setpriv", "--reuid=releve", "--regid=releve", "--clear-groups", "touch", "/run/releve/update.wanted")


def wait(box: Machine, state: str, version: str) -> dict[str, Any]:
    def came() -> bool:
        found = said(box)
        return (found.get("state"), found.get("version")) == (state, version)

    try:
        until(came, f"{state} {version}", 90.0)
    except AssertionError:
        raise AssertionError(f"{said(box)}\n{box.run('journalctl', '--no-pager', '-n', '120')}") from None
    return said(box)


def test_a_new_version_comes_up_and_stays(box: Machine, updates: Files) -> None:
    answered(box)
    assert version(box) == OLD
    bring(box, updates.good)
    wait(box, "installed", GOOD)
    assert version(box) == GOOD
    assert "ok" in page(box)
    assert "squashfs" in box.run("findmnt", "--noheadings", "--output", "FSTYPE,OPTIONS", "/opt/releve/venv")
    state = json.loads(box.run("cat", "/data/box/app/state.json"))
    assert (state["good"], state["trial"]) == ("a", None)
    box.run("systemctl", "restart", "releve-app.service")
    answered(box)
    assert version(box) == GOOD


def test_a_bad_version_goes_back_by_itself(box: Machine, updates: Files) -> None:
    bring(box, updates.bad)
    found = wait(box, "back", BAD)
    assert (found["code"], found["before"]) == ("ended", GOOD)
    answered(box)
    assert version(box) == GOOD
    assert box.run("ls", "/data/box/app").split() == ["a.update", "state.json"]


def test_a_bad_version_in_another_form_gives_the_house_back(box: Machine, updates: Files) -> None:
    box.run("sh", "-c", "echo as it was >/data/house/diary; chown releve:releve /data/house/diary")
    bring(box, updates.changed)
    wait(box, "back", CHANGED)
    answered(box)
    assert version(box) == GOOD
    assert box.run("cat", "/var/lib/releve/diary") == "as it was\n"
    assert box.run("cat", f"/data/box/tried-{CHANGED}/diary") == "as it was\n"
    assert box.run("stat", "--format=%U %a", "/var/lib/releve/diary", "/var/lib/releve/series.db").split() == [
        *("releve", "644"),
        *("releve", "600"),
    ]
    assert box.run("ls", "/data/box").split() == ["app", f"tried-{CHANGED}"]


def test_what_is_not_signed_or_older_or_cut_is_refused_and_nothing_stops(box: Machine, updates: Files) -> None:
    since = box.shows("releve.service", "ActiveEnterTimestampMonotonic")
    turned = bytearray(updates.last)
    turned[-1] ^= 1
    for data, code in (
        (updates.last[:-1], "truncated"),
        (bytes(turned), "changed"),
        (updates.last[:200] + b"x" + updates.last[201:], "signature"),
        (updates.good, "same"),
        (b"a photo", "not-update"),
    ):
        bring(box, data)
        until(lambda code=code: said(box).get("code") == code, code)  # type: ignore[misc]
        assert said(box)["state"] == "refused"
    assert box.shows("releve.service", "ActiveEnterTimestampMonotonic") == since
    assert version(box) == GOOD


def test_a_kill_in_the_middle_leaves_what_ran_and_the_next_try_succeeds(box: Machine, updates: Files) -> None:
    bring(box, updates.last)
    until(lambda: said(box).get("state") == "installing", "it is being installed", pause_s=0.0)
    box.run("systemctl", "kill", "--signal=KILL", "releve-update.service")
    until(lambda: box.shows("releve-update.service", "ActiveState")["ActiveState"] == "failed", "it is dead")
    assert (version(box), "ok" in page(box)) == (GOOD, True)
    assert json.loads(box.run("cat", "/data/box/app/state.json"))["trial"] is None
    box.run("systemctl", "restart", "releve-app.service")
    answered(box)
    assert box.run("ls", "/data/box/app").split() == ["a.update", "state.json"], "what was half written is away"
    bring(box, updates.last)
    wait(box, "installed", LAST)
    assert version(box) == LAST


def test_a_damaged_slot_gives_way_to_what_the_box_came_with(box: Machine) -> None:
    slot = json.loads(box.run("cat", "/data/box/app/state.json"))["good"]
    box.run("sh", "-c", f"printf x | dd of=/data/box/app/{slot}.update bs=1 seek=9000 conv=notrunc 2>/dev/null")
    box.run("systemctl", "restart", "releve-app.service")
    answered(box)
    assert version(box) == OLD
    assert said(box)["state"] == "lost"
