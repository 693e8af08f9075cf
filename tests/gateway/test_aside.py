"""Lines on the card: what a kill, a power cut, a full card and a long wait leave of them."""

import errno
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import aside
from gateway.aside import Aside, thin
from tests.house import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(tmp_path: Path, clock: Clock) -> Iterator[Aside]:
    opened = Aside(tmp_path / "aside", clock)
    yield opened
    opened.close()


def lines(kept: Aside, name: str) -> list[str]:
    return kept.read(name).result()


def file(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "aside").iterdir()
    return found


def test_a_line_is_there_after_a_kill_before_anything_was_synced(tmp_path: Path, clock: Clock, kept: Aside) -> None:
    kept.append("waiting wmbus:A/../B", "1790000000 radio -61 2e44")
    assert lines(kept, "waiting wmbus:A/../B") == ["1790000000 radio -61 2e44"]
    again = Aside(tmp_path / "aside", clock)  # the other is still open, as after a kill
    assert again.names() == ("waiting wmbus:A/../B",)
    assert lines(again, "waiting wmbus:A/../B") == ["1790000000 radio -61 2e44"]
    again.close()


def test_all_that_came_before_saved_to_is_on_the_card(kept: Aside, clock: Clock) -> None:
    assert kept.saved_to == clock.at
    first = clock.at
    kept.append("a", "1")
    lines(kept, "a")
    clock.at += 30
    assert kept.saved_to == first
    kept.sync().result()
    assert kept.saved_to == clock.at


def test_a_line_that_waits_for_a_slow_card_is_not_said_to_be_on_it(
    kept: Aside, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    monkeypatch.setattr(aside, "flush_names", lambda folder: goes_on.wait(10))
    kept.append("a", "1")
    synced = kept.sync()
    clock.at += 1
    second = clock.at
    kept.append("a", "2")
    clock.at += 30
    goes_on.set()
    synced.result()
    assert lines(kept, "a") == ["1", "2"]
    assert kept.saved_to <= second
    kept.sync().result()
    assert kept.saved_to == clock.at


def test_while_the_card_refuses_all_nothing_more_is_said_to_be_on_it(tmp_path: Path, clock: Clock, kept: Aside) -> None:
    first = clock.at
    (tmp_path / "aside").rmdir()
    kept.append("a", "1")
    clock.at += 60
    kept.sync().result()
    assert kept.saved_to == first
    assert kept.trouble is not None
    (tmp_path / "aside").mkdir()
    kept.sync().result()
    assert (kept.saved_to, kept.refused, lines(kept, "a")) == (clock.at, 0, ["1"])


def test_what_a_sync_failed_on_is_written_anew_as_the_kernel_does_not_try_again(
    tmp_path: Path, kept: Aside, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    first = clock.at
    kept.append("a", "1")
    before = lines(kept, "a"), file(tmp_path).stat().st_ino
    clock.at += 60
    with monkeypatch.context() as card:
        card.setattr(aside, "_fsync", fails)
        kept.sync().result()
    assert (kept.saved_to, kept.trouble) == (first, "aside: Input/output error")
    kept.sync().result()
    assert kept.saved_to == clock.at
    assert lines(kept, "a") == before[0]
    assert file(tmp_path).stat().st_ino != before[1]


def test_a_line_that_a_power_cut_tore_is_cut_off_and_counted_and_the_others_stay(
    tmp_path: Path, clock: Clock, kept: Aside
) -> None:
    for n in range(3):
        kept.append("a", f"line {n}")
    lines(kept, "a")
    os.truncate(file(tmp_path), file(tmp_path).stat().st_size - 5)
    again = Aside(tmp_path / "aside", clock)
    assert again.damaged == 1
    again.append("a", "line 3")
    assert lines(again, "a") == ["line 0", "line 1", "line 3"]
    again.close()


def test_a_bit_that_the_card_forgot_costs_its_line_and_is_counted(tmp_path: Path, kept: Aside) -> None:
    for n in range(3):
        kept.append("a", f"line {n}")
    lines(kept, "a")
    data = bytearray(file(tmp_path).read_bytes())
    data[data.index(b"line 1") + 5] ^= 2
    file(tmp_path).write_bytes(data)
    assert lines(kept, "a") == ["line 0", "line 2"]
    assert kept.damaged == 1


def test_what_is_replaced_by_nothing_leaves_no_file(tmp_path: Path, kept: Aside) -> None:
    kept.append("a", "1")
    kept.append("a", "2")
    kept.replace("a", ["2"]).result()
    assert lines(kept, "a") == ["2"]
    kept.replace("a", []).result()
    assert (lines(kept, "a"), kept.names(), list((tmp_path / "aside").iterdir())) == ([], (), [])


def test_a_file_that_grew_too_long_keeps_its_first_and_its_newest_lines_and_says_how_many_went(
    kept: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "FILE_BYTES_MAX", 2000)
    for n in range(500):
        kept.append("a", f"{n:03}")
    found = lines(kept, "a")
    count = kept.kept("a")
    assert count is not None
    assert count.bytes <= 2000
    assert count.lines == len(found) < 200
    assert count.lines + count.thinned == 500
    assert found[0] == "000"
    assert found[-50:] == [f"{n:03}" for n in range(450, 500)]
    assert found == sorted(found)


def test_a_full_card_is_said_and_gets_all_once_there_is_room_again(
    kept: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.aside.REFUSED_MAX", 2)
    kept.append("a", "1")
    lines(kept, "a")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3, hard))  # Python ignores SIGXFSZ: a write fails with EFBIG
    try:
        for line in ("2", "3", "4"):
            kept.append("a", line)
        assert lines(kept, "a") == ["1", "2", "3"]
        assert (kept.refused, kept.trouble) == (1, "aside: File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    kept.append("a", "5")
    kept.sync().result()
    assert kept.trouble is None
    assert lines(kept, "a") == ["1", "2", "3", "5"]


def test_a_file_that_cannot_be_read_is_laid_beside_and_another_one_begun(
    tmp_path: Path, clock: Clock, kept: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.append("a", "1")
    kept.sync().result()
    read_bytes = Path.read_bytes

    def bad_sector(path: Path) -> bytes:
        if path.name == "a.lines":
            raise OSError(errno.EIO, "Input/output error")
        return read_bytes(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", bad_sector)
        again = Aside(tmp_path / "aside", clock)
        assert (again.names(), again.damaged) == ((), 1)
    assert (tmp_path / "aside" / "a.unreadable").exists()
    again.append("a", "2")
    assert lines(again, "a") == ["2"]
    again.close()


def test_the_first_and_all_newer_ones_outlive_any_number_of_thinnings() -> None:
    items = list(range(1000))
    for _ in range(50):
        before = len(items)
        gone = thin(items)
        assert len(items) == before - gone
        assert items[0] == 0
        assert items[-1] == 999
        assert items == sorted(items)
