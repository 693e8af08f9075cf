"""The commands of root's units, as far as they can be run here; the rest is in tests/integration/test_updates.py."""

import fcntl
from argparse import Namespace
from pathlib import Path

import pytest

from gateway.box import __main__ as command
from gateway.box import said, wanted
from gateway.box.updating import Gateway
from tests.gateway.box.making import app
from tests.gateway.box.test_updating import Units, box_at

FILES = Path(__file__).parents[3] / "images/files/usr/lib"
OPTIONS = Namespace(device=None, port=80)


@pytest.fixture
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Units:
    """A box of which all lies in `tmp_path`."""
    units = Units(Gateway(None, 0))
    box = box_at(tmp_path, units)
    for name in ("runtime", "lib/update"):
        (tmp_path / name).mkdir(parents=True)
    take, arrived = wanted.take, wanted.arrived
    monkeypatch.setattr(command, "_box", lambda options: box)
    monkeypatch.setattr(command, "P1", box.p1)
    monkeypatch.setattr(said, "FOLDER", box.run)
    monkeypatch.setattr(wanted, "take", lambda name: take(name, tmp_path / "runtime"))
    monkeypatch.setattr(wanted, "arrived", lambda: arrived(tmp_path / "lib"))
    return units


def test_a_reset_is_asked_for_on_the_first_partition_and_the_box_starts_anew(tmp_path: Path, units: Units) -> None:
    command._reset(OPTIONS)
    assert units.done == [], "nobody wants it"
    (tmp_path / "runtime/reset.wanted").write_text("{}\n")
    command._reset(OPTIONS)
    assert units.done == ["reboot"]
    assert [path.name for path in (tmp_path / "p1").iterdir()] == ["releve-factory-reset"]
    assert not (tmp_path / "runtime/reset.wanted").exists()


def test_what_arrived_is_installed_once(tmp_path: Path, units: Units) -> None:
    (tmp_path / "lib/update/arrived").write_bytes(app())
    (tmp_path / "runtime/update.wanted").write_text('{"source": "arrived", "version": "0.2.0"}\n')
    command._install(OPTIONS)
    command._install(OPTIONS)
    assert units.done == ["restart"]
    found = said.read(said.UPDATE, tmp_path / "run")
    assert found is not None
    assert (found.state, found.text("version")) == ("restarting", "0.2.0")


def test_what_is_gone_is_said(tmp_path: Path, units: Units) -> None:
    (tmp_path / "runtime/update.wanted").write_text("{}")
    command._install(OPTIONS)
    found = said.read(said.UPDATE, tmp_path / "run")
    assert found is not None
    assert (found.state, found.text("code")) == ("refused", "missing")


def test_two_do_not_install_at_once(tmp_path: Path, units: Units) -> None:
    (tmp_path / "lib/update/arrived").write_bytes(app())
    (tmp_path / "runtime/update.wanted").write_text("{}")
    with (tmp_path / "run/lock").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        command._install(OPTIONS)
    found = said.read(said.UPDATE, tmp_path / "run")
    assert found is not None
    assert (found.state, found.text("code")) == ("refused", "busy")
    assert units.done == []


def test_root_never_runs_the_updated_program() -> None:
    services = [
        path for path in (FILES / "systemd/system").glob("releve-*.service") if "gateway.box" in path.read_text()
    ]
    assert {path.stem for path in services} >= {
        *("releve-app", "releve-update", "releve-settle", "releve-reset", "releve-stick@"),
    }
    for path in services:
        for line in path.read_text().splitlines():
            if line.startswith("Exec") and "python" in line:
                assert "/opt/releve/base/bin/python -I -m gateway.box" in line, path.name
                assert "venv/bin" not in line, path.name
