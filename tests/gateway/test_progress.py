"""Who waits at a terminal sees how far it is; a file or a pipe gets nothing."""

import io
import time
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.progress import EACH_S, PATIENCE_S, WIDTH, Bar
from tests.gateway.importers.holders.made import curve, half_hours
from tests.gateway.test_command import configured


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bar_comes_after_a_moment_and_is_wiped_at_the_end() -> None:
    clock, terminal = Clock(), Terminal()
    with Bar(terminal, clock) as bar:
        bar(0.1)
        assert terminal.getvalue() == ""
        clock.now += PATIENCE_S
        bar(0.5)
        assert terminal.getvalue() == f"\r[{'#' * (WIDTH // 2)}{' ' * (WIDTH // 2)}]  50%"
        bar(0.6)  # not sooner than it can be read
        clock.now += EACH_S
        bar(1.5)
        assert terminal.getvalue().endswith(f"[{'#' * WIDTH}] 100%")
    assert terminal.getvalue().endswith(f"\r{' ' * (WIDTH + 8)}\r")


def test_what_is_quick_or_no_terminal_shows_nothing() -> None:
    terminal = Terminal()
    with Bar(terminal, Clock()) as bar:
        bar(0.5)
    assert terminal.getvalue() == ""
    clock, pipe = Clock(), io.StringIO()
    with Bar(pipe, clock) as bar, bar.asking(lambda: 1 / 0):
        clock.now += 10
        bar(0.5)
    assert pipe.getvalue() == ""


def test_a_gateway_that_does_the_work_is_asked_how_far_it_is_until_it_is_done() -> None:
    clock, terminal = Clock(), Terminal()
    asked = []

    def ask() -> float:
        clock.now += 1
        asked.append(clock.now)
        if len(asked) > 1:
            raise ConnectionRefusedError
        return 0.25

    with Bar(terminal, clock) as bar, bar.asking(ask):
        end = time.monotonic() + 5
        while len(asked) < 2 and time.monotonic() < end:
            time.sleep(0.05)
    assert " 25%" in terminal.getvalue()


def test_an_import_draws_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, terminal = configured(tmp_path), Terminal()
    (tmp_path / "curve.csv").write_text(curve((end, 400) for end in half_hours("2025-01-01", "2025-05-01")))
    (tmp_path / "ours.csv").write_text(
        "time,point,medium,meter,register,tariff,unit,value\n2026-01-01T00:00:00Z,Eau,water,,volume,0,m3,1\n"
    )
    monkeypatch.setattr("gateway.progress.PATIENCE_S", 0)
    monkeypatch.setattr("gateway.progress.EACH_S", 0)
    for name in ("curve.csv", "ours.csv"):
        monkeypatch.setattr("sys.stderr", terminal := Terminal())
        assert main(["import", "--config", str(config), str(tmp_path / name)]) == 0
        assert "#" in terminal.getvalue()
