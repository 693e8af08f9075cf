"""The Debian package: what is in it, and its life in a Debian 12. In a Debian 13 it is what test_nspawn and test_walls run on."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.home import Home
from tests.integration.machine import Machine, booted, packed
from tools import deb_package

pytestmark = pytest.mark.timeout(600)

AARCH64, X86_64 = 183, 62  # e_machine of ELF
LOWER = "0.0.9"
OLDER = f"releve_{LOWER}+deb12_amd64.deb"
NEWER = f"releve_{deb_package.version_here()}+deb12_amd64.deb"
PAST = "time,point,medium,meter,register,tariff,unit,value\n2026-11-20T10:00:00Z,Eau froide,water,08172635,volume,0,m3,612\n"
KEPT = ("/var/lib/releve", "/etc/releve")


def unpacked(package: Path, to: Path) -> Path:
    subprocess.run(("dpkg-deb", "--raw-extract", str(package), str(to)), check=True)
    return to


def machines(tree: Path) -> set[int]:
    """For which machines the libraries are."""
    libraries = list(tree.rglob("*.so"))
    assert len(libraries) > 20
    return {int.from_bytes(path.read_bytes()[18:20], "little") for path in libraries}


def test_lintian_has_nothing_to_say_that_is_not_answered() -> None:
    assert shutil.which("lintian"), "lintian is missing; `make integration` installs it"
    command = ("lintian", "--allow-root", "--fail-on", "error,warning", str(packed("trixie")))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_two_builds_are_equal(tmp_path: Path) -> None:
    again = deb_package.build("amd64", "trixie", tmp_path, quick=True)
    assert again.read_bytes() == packed("trixie").read_bytes()


def test_the_package_for_a_pi_holds_what_a_pi_runs(tmp_path: Path) -> None:
    package = deb_package.build("arm64", "bookworm", tmp_path, quick=True)
    tree = unpacked(package, tmp_path / "tree")
    assert machines(tree) == {AARCH64}
    assert "\nArchitecture: arm64\n" in (tree / "DEBIAN/control").read_text()
    assert "python3 (>= 3.11~), python3 (<< 3.12~)" in (tree / "DEBIAN/control").read_text()
    assert (tree / "opt/releve/venv/lib/python3.11/site-packages/gateway/app.py").is_file()


def test_it_names_each_wheel_that_it_brings(tmp_path: Path) -> None:
    tree = unpacked(packed("trixie"), tmp_path / "tree")
    assert machines(tree) == {X86_64}
    found = json.loads((tree / "usr/share/releve/sbom.cdx.json").read_text())["components"]
    packages = tree / "opt/releve/venv/lib/python3.13/site-packages"
    brought = {path.name.removesuffix(".dist-info").split("-")[0] for path in packages.glob("*.dist-info")}
    assert {one["name"].replace("-", "_") for one in found} == brought - {"releve"}
    assert all(len(one["hashes"][0]["content"]) == 64 and one["licenses"][0]["expression"] for one in found)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    packages = (packed("bookworm", LOWER), packed("bookworm"))
    with (
        Home() as home,
        booted(tmp_path_factory.mktemp("box"), home.box, {}, suite="bookworm", packages=packages) as box,
    ):
        yield box


def dpkg(machine: Machine, *words: str) -> str:
    """What it says, errors too."""
    return machine.run("sh", "-c", f"DEBIAN_FRONTEND=noninteractive dpkg {' '.join(words)} 2>&1")


def kept(machine: Machine) -> list[str]:
    return [f"{point['name']} {point['index']}" for point in machine.status()["points"]]


def there(machine: Machine) -> list[str]:
    return [path for path in KEPT if machine.run("ls", "-d", path, check=False)]


def starts(machine: Machine) -> int:
    return machine.log("releve.service").count(": Started releve.service")


def test_from_installation_to_deletion_nothing_is_lost_unasked(machine: Machine) -> None:
    assert "<html" in machine.run(
        "python3", "-c", "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/').read().decode())"
    )
    assert machine.run("stat", "--format=%a %U %G", "/etc/releve/releve.toml").strip() == "640 root releve"
    machine.write("/var/lib/releve/past.csv", PAST)
    machine.run("/usr/bin/releve", "import", "/var/lib/releve/past.csv")
    before = kept(machine)
    assert before
    first = starts(machine)
    machine.write("/etc/releve/releve.toml", '# mine\n[web]\nlanguage = "en"\n')

    dpkg(machine, "--install", f"/package/{NEWER}")
    assert starts(machine) == first + 1
    assert kept(machine) == before
    assert machine.run("cat", "/etc/releve/releve.toml").startswith("# mine")
    compiled = machine.run("find", "/opt/releve/venv", "-name", "app.cpython-311.pyc")
    assert "/gateway/__pycache__/" in compiled

    dpkg(machine, "--remove", "releve")
    assert machine.run("systemctl", "is-active", "releve.service", check=False).strip() == "inactive"
    assert machine.run("ls", "-d", "/opt/releve", check=False) == ""
    assert there(machine) == list(KEPT)

    assert "the readings stay in /var/lib/releve" in dpkg(machine, "--purge", "releve")
    assert there(machine) == list(KEPT)

    dpkg(machine, "--install", f"/package/{NEWER}")
    assert kept(machine) == before
    assert machine.run("cat", "/etc/releve/releve.toml").startswith("# mine")

    machine.run("sh", "-c", "echo releve releve/delete-data boolean true | debconf-set-selections")
    assert "are deleted" in dpkg(machine, "--purge", "releve")
    assert there(machine) == []
