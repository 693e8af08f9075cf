"""The house of a back-up takes the place of one that stands; a power cut before any change on the card only delays it."""

import contextlib
import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import replacing
from gateway.backup import BackupError
from gateway.config import Config, load
from gateway.restore import WrongKeyError
from tests.gateway.test_backup import HOUSEHOLD, PASSPHRASE, WATER, furnish, made, standing
from tests.gateway.test_command import configured

__all__ = ["made"]  # a fixture
STAMP = "20261127T201500Z"

pytestmark = pytest.mark.timeout(120)  # a passphrase is stretched, and a house opened for each cut


class PowerCutError(Exception):
    """The power goes."""


class Power:
    """Cut before the n-th change of a name on the card."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
        self.left = after
        for name in ("rename", "unlink", "mkdir"):
            monkeypatch.setattr(Path, name, self._counted(getattr(Path, name)))
        move = self._counted(shutil.move)
        monkeypatch.setattr(shutil, "move", move)
        monkeypatch.setattr(shutil, "rmtree", self._counted(shutil.rmtree))

    def _counted(self, real: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object, **named: object) -> object:
            if self.left == 0:
                raise PowerCutError
            self.left -= 1
            return real(*arguments, **named)

        return counted


@pytest.fixture
def fresh(tmp_path: Path, made: Path) -> Config:
    """A box of its own secret with a house in it, which lacks the meter, and the back-up of another one beside it."""
    path = configured(tmp_path)
    furnish(path)
    config = load(path)
    config.runtime.mkdir(parents=True, exist_ok=True)
    (config.runtime / "tail").write_text("not on the card yet")
    shutil.copy(made / "a.backup", tmp_path / "a.backup")
    return config


def source(config: Config) -> Path:
    assert config.source is not None
    return config.source


def test_the_house_is_there_under_this_box_s_own_secret_and_the_other_one_beside_it(made: Path, fresh: Config) -> None:
    secret = fresh.secret.read_bytes()
    back = replacing.prepare(source(fresh).parent / "a.backup", PASSPHRASE, fresh)
    assert back.dwelling == "Chez Zoé"
    assert not list(fresh.data.rglob("box-secret")), "the other box's secret lies nowhere"
    assert not replacing.finish(fresh), "nobody wants it yet"
    replacing.want(fresh, STAMP)
    assert replacing.finish(fresh)
    assert not replacing.finish(fresh)
    (before,) = replacing.aside(fresh)
    assert {"series.db", "keys.json", "ledger.db", "tail"} <= {path.name for path in before.iterdir()}
    assert fresh.secret.read_bytes() == secret != (made / "secret").read_bytes()
    now = standing(source(fresh))
    assert now == {**standing(made / "releve.toml"), "password": HOUSEHOLD, "sessions": 0}
    assert WATER in {meter.address for meter in now["meters"]}  # type: ignore[attr-defined]
    replacing.erase_aside(fresh)
    assert not list(fresh.data.glob("before-*"))


def test_a_power_cut_before_any_change_only_delays_it(made: Path, fresh: Config, tmp_path: Path) -> None:
    replacing.prepare(source(fresh).parent / "a.backup", PASSPHRASE, fresh)
    replacing.want(fresh, STAMP)
    shutil.copytree(tmp_path, tmp_path.parent / "as-it-was", dirs_exist_ok=True)
    whole = standing(made / "releve.toml")
    for cut in range(100):
        with pytest.MonkeyPatch.context() as patched:
            power = Power(patched, cut)
            with contextlib.suppress(PowerCutError):
                replacing.finish(fresh)
            if power.left > 0:
                break  # it needs no more changes than that
        assert replacing.finish(fresh) or not (fresh.data / replacing.PLACING).exists(), cut
        assert standing(source(fresh))["points"] == whole["points"], cut
        (before,) = replacing.aside(fresh)
        assert {"series.db", "catalog.json", "keys.json", "ledger.db", "tail"} <= {
            path.name for path in before.iterdir()
        }, cut
        shutil.rmtree(tmp_path)
        shutil.copytree(tmp_path.parent / "as-it-was", tmp_path)
    assert 15 < cut < 99


@pytest.mark.parametrize(
    ("harm", "passphrase", "error"),
    [
        (lambda data: data, "another sentence", WrongKeyError),
        (lambda data: data[:-2000], PASSPHRASE, BackupError),
        (lambda data: b"not at all", PASSPHRASE, BackupError),
    ],
)
def test_what_cannot_be_used_leaves_nothing(
    made: Path, fresh: Config, harm: Callable[[bytes], bytes], passphrase: str, error: type[BackupError]
) -> None:
    bad = source(fresh).parent / "bad"
    bad.write_bytes(harm((made / "a.backup").read_bytes()))
    before = standing(source(fresh))
    with pytest.raises(error):
        replacing.prepare(bad, passphrase, fresh)
    assert not (fresh.data / "restored.new").exists()
    assert not replacing.finish(fresh)
    assert standing(source(fresh)) == before


def test_a_card_that_is_full_leaves_nothing(made: Path, fresh: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space"):
        replacing.prepare(made / "a.backup", PASSPHRASE, fresh)
    assert not (fresh.data / "restored.new").exists()
