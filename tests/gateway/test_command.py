"""The command line as a person meets it: bad input gives one clear sentence, exit 1, and nothing is written."""

import contextlib
import io
import logging
import os
import sqlite3
import subprocess
import sys
import tty
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from drivers.model import Medium
from gateway.__main__ import main
from gateway.catalog import Catalog
from gateway.secret import BoxSecret
from gateway.store import Store
from tests.gateway.importers.holders.made import curve, half_hours

COMMAND_S_MAX = 15
NOON = 1_790_000_000


class Said(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def releve(*arguments: str | Path) -> Said:
    """One command, and nobody sits there; without a process of its own, since a start takes most of a second."""
    out, err, root = io.StringIO(), io.StringIO(), logging.getLogger()
    handlers, level, stdin = root.handlers[:], root.level, sys.stdin
    root.handlers, sys.stdin = [], io.StringIO()  # as a process finds them
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code: object = main([str(argument) for argument in arguments])
            except SystemExit as wrong_use:
                code = wrong_use.code
    finally:
        root.handlers, sys.stdin = handlers, stdin
        root.setLevel(level)
    assert isinstance(code, int)
    return Said(code, out.getvalue(), err.getvalue())


def process(*arguments: str | Path) -> Said:
    """One command as a shell starts it."""
    run = [sys.executable, "-m", "gateway", *map(str, arguments)]
    done = subprocess.run(run, input="", capture_output=True, text=True, timeout=COMMAND_S_MAX, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


Command = Callable[..., Said]


def configured(folder: Path, text: str = "") -> Path:
    path = folder / "releve.toml"
    box = f'[box]\ndata = "{folder}/data"\nruntime = "{folder}/run"\nsecret = "{folder}/secret"\n'
    path.write_text(f'{box}[web]\nlisten = "127.0.0.1:1"\nmdns = false\n{text}')
    return path


def port(device: str | Path) -> str:
    return f'[[port]]\nname = "linky"\nprotocol = "tic"\ndevice = "{device}"\n'


def refused(folder: Path, config: Path, command: Command = releve) -> str:
    """What `releve run` says on standard error; it must end with 1, trace nothing and write nothing."""
    before = sorted(folder.rglob("*"))
    done = command("run", "--config", config)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    assert sorted(folder.rglob("*")) == before
    return done.stderr


def test_a_wrong_key_is_named_by_its_place(tmp_path: Path) -> None:
    text = '[[meter]]\nname = "Eau"\naddress = "wmbus:KAM-12345678-1b-16"\nkey = "abc"\n'
    said = refused(tmp_path, configured(tmp_path, text), process)
    assert said == "releve: meter[1].key: 32 hex digits are needed, not 'abc'\n"


def test_a_missing_configuration_is_said(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path, tmp_path / "nowhere.toml")


def test_a_missing_device_is_said_and_nothing_is_started(tmp_path: Path) -> None:
    said = refused(tmp_path, configured(tmp_path, port("/dev/ttyNONE9")))
    assert said.startswith("releve: port[1].device: /dev/ttyNONE9: no such device; is it plugged in?")


def test_a_device_open_in_another_program_is_said(tmp_path: Path) -> None:
    import serial

    master, slave = os.openpty()
    tty.setraw(slave)
    with serial.Serial(os.ttyname(slave), exclusive=True):
        assert "already open in another program" in refused(
            tmp_path, configured(tmp_path, port(os.ttyname(slave))), process
        )
    os.close(master)
    os.close(slave)


def test_a_model_nobody_wrote_a_map_for_is_said_with_those_there_are(tmp_path: Path) -> None:
    text = '[[port]]\nname = "bus"\nprotocol = "modbus"\ntcp = "127.0.0.1:9"\n'
    text += '[[meter]]\nname = "PAC"\nport = "bus"\nunit = 1\nmodel = "sdm999"\n'
    said = refused(tmp_path, configured(tmp_path, text))
    assert "meter[1].model: one of " in said
    assert "eastron_sdm630" in said


def test_a_listening_port_that_is_taken_is_said(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        config = configured(tmp_path)
        config.write_text(config.read_text().replace("127.0.0.1:1", f"127.0.0.1:{number}"))
        done = releve("run", "--config", config)
    assert done.returncode == 1
    assert f"web.listen: 127.0.0.1:{number} cannot be opened: " in done.stderr


def test_a_database_of_a_newer_program_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    database = tmp_path / "data" / "series.db"
    Store.open(database, tmp_path / "tail", zone=ZoneInfo("Europe/Paris"), now=lambda: NOON).close()
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = database.read_bytes()
    done = releve("run", "--config", config)
    assert done.returncode == 1
    assert "series.db" in done.stderr
    assert "newer" in done.stderr
    assert database.read_bytes() == before


def test_a_data_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (tmp_path / "data").write_text("a file is in the way")
    assert "data" in refused(tmp_path, config)


def test_a_folder_that_anybody_may_write_is_refused(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o777)
    done = releve("run", "--config", config)
    assert done.returncode == 1
    assert done.stderr.startswith(f"releve: box.runtime: {tmp_path}/run belongs to another user, or anybody may write")
    assert not list((tmp_path / "run").iterdir())


def test_check_says_what_is_good(tmp_path: Path) -> None:
    done = process("check", "--config", configured(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("good: 0 ports, 0 meters\n")


def test_asking_a_gateway_that_does_not_run_says_so(tmp_path: Path) -> None:
    done = releve("status", "--config", configured(tmp_path))
    assert done.returncode == 1
    assert done.stderr == f"releve: {tmp_path}/run/releve.sock: no gateway runs here\n"


def test_an_import_names_each_line_it_refused_and_what_was_needed(tmp_path: Path) -> None:
    config, file = configured(tmp_path, port("/dev/ttyNONE9")), tmp_path / "past.csv"
    file.write_text(
        "time,point,medium,meter,register,tariff,unit,value\n"
        "2026-03-29T01:30:00+01:00,Eau froide,water,08172635,volume,0,m3,612.483\n"
        "2026-03-29T04:00:00,Eau froide,water,08172635,volume,0,m3,612.486\n"
    )
    look = releve("import", "--config", config, "--dry-run", file)
    assert look.stdout.startswith(f"{file}: 2 rows of 1 series: 1 refused\n{file}: line 3: time:")
    for counted, number in (("1 added, 0 known already", " (import 1)"), ("0 added, 1 known already", "")):
        done = releve("import", "--config", config, file)
        assert (done.returncode, done.stderr) == (1, "")
        first, second = done.stdout.splitlines()
        assert first == f"{file}: 2 rows of 1 series: {counted}, 0 kept as they were, 1 refused{number}"
        assert second.startswith(f"{file}: line 3: time:")
    assert ", eau-froide, ours: 1 row, 2026-03-29" in releve("import", "--config", config, "--list").stdout
    assert (
        releve("import", "--config", config, "--undo", "1").stdout == "import 1 is taken back, and Eau froide with it\n"
    )
    assert "1 added, 0 known already" in releve("import", "--config", config, file).stdout


def test_a_company_s_file_is_looked_at_brought_in_listed_and_taken_back(tmp_path: Path) -> None:
    config, file = configured(tmp_path), tmp_path / "whatever.dat"
    ends = half_hours("2025-01-01", "2025-02-01")
    file.write_text(curve((end, None if number == 3 else 1000) for number, end in enumerate(ends)))
    look = releve("import", "--config", config, "--dry-run", file)
    assert (look.returncode, look.stderr) == (0, "")
    assert look.stdout.splitlines() == [
        "Électricité: 1488 rows of enedis_curve, 2025-01-01 to 2025-01-31: 1487 would be new, 0 there already, 0 changed, 0 refused",
        "Électricité: 1 row left out: without a value",
        "2025-01: at least 743500 Wh",
    ]
    for new, same, number in ((1487, 0, " (import 1)"), (0, 1487, "")):
        done = releve("import", "--config", config, file)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"{new} new, {same} there already, 0 changed, 0 refused{number}\n" in done.stdout
    assert "Électricité" not in releve("import", "--config", config, "--list", "--json").stdout
    assert releve("import", "--config", config, "--list").stdout.startswith("1: ")
    assert (
        releve("import", "--config", config, "--undo", "1").stdout
        == "import 1 is taken back, and Électricité with it\n"
    )
    again = releve("import", "--config", config, "--undo", "1")
    assert (again.returncode, again.stderr) == (1, "releve: there is no import 1: releve import --list names them\n")


def test_a_table_that_nobody_knows_is_not_taken_before_its_unit_is_said(tmp_path: Path) -> None:
    config, file = configured(tmp_path), tmp_path / "notebook.csv"
    file.write_text("date;compteur\n01/01/2026;10\n01/02/2026;12,5\n01/03/2026;14\n")
    asked = releve("import", "--config", config, file)
    assert asked.returncode == 1
    assert asked.stderr.startswith(
        "releve: notebook.csv: nobody knows this table. It looks like this: --time 1 --dates dmy --clock local --value 2 "
        "--decimal , --what index --medium electricity --unit ? (the columns date and compteur). Say"
    )
    assert releve("import", "--config", config, "--dry-run", file).stderr == asked.stderr
    wrong = releve("import", "--config", config, "--unit", "gallons", file)
    assert wrong.stderr == "releve: unit: one of Wh, kWh, MWh, W, kW, L, m3 is needed, not 'gallons'\n"
    taken = releve("import", "--config", config, "--unit", "m3", "--medium", "water", "--point", "Jardin", file)
    assert (taken.returncode, taken.stderr) == (0, "")
    how, what = taken.stdout.splitlines()
    assert how.startswith("notebook.csv: read as --time 1 --dates dmy --clock local --value 2 --decimal , --what index")
    assert what.startswith("Jardin: 3 rows of table, 2026-01-01 to 2026-02-28: 3 new")


def test_a_company_s_file_of_several_possible_meters_asks_which(tmp_path: Path) -> None:
    config, file = configured(tmp_path), tmp_path / "curve.csv"
    (tmp_path / "data").mkdir(mode=0o700)
    catalog = Catalog.open(tmp_path / "data", "Maison", "Europe/Paris", BoxSecret(tmp_path / "secret"))
    for name in ("Maison", "Atelier"):
        catalog.adopt(f"tic:{name}", name, Medium.ELECTRICITY, NOON)
    file.write_text(curve((end, 1000) for end in half_hours("2025-01-01", "2025-01-02")))
    asked = releve("import", "--config", config, file)
    assert asked.stderr == "releve: electricity: several meters may be meant: say which with --point: Maison, Atelier\n"
    assert "Atelier: 48 rows" in releve("import", "--config", config, "--point", "Atelier", file).stdout


def test_a_file_that_is_nobody_s_is_refused_by_name_and_the_others_are_taken(tmp_path: Path) -> None:
    config = configured(tmp_path)
    (tmp_path / "good.csv").write_text(curve((end, 1000) for end in half_hours("2025-01-01", "2025-01-02")))
    (tmp_path / "bad.bin").write_bytes(b"\x00\x01\x02")
    done = releve("import", "--config", config, tmp_path / "good.csv", tmp_path / "bad.bin")
    assert (done.returncode, done.stderr) == (1, "")
    assert "48 new" in done.stdout
    assert done.stdout.endswith("bad.bin: a text file, a spreadsheet (xlsx) or a zip of them is needed\n")


def test_the_file_of_another_meter_is_not_brought_in_before_somebody_says_whose_it_is(tmp_path: Path) -> None:
    config, file = configured(tmp_path), tmp_path / "curve.csv"
    first = curve((end, 400) for end in half_hours("2025-01-01", "2025-01-02"))
    file.write_text(first)
    assert releve("import", "--config", config, file).returncode == 0
    file.write_text(first.replace("01234567890123", "01234567899999").replace(";400", ";900"))
    look = releve("import", "--config", config, "--dry-run", file)
    assert look.returncode == 1
    assert "these files are of meter •••9999, and earlier ones of this metering point were of another" in look.stdout
    refused = releve("import", "--config", config, file)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Nothing was kept. Say --point NAME" in refused.stderr
    same = releve("import", "--config", config, "--point", "Électricité", "--same-home", file)
    assert "48 changed" in same.stdout


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["decode"], ["run", "--nothing"], ["import"], ["demo", "--port", "99999"]]
)
def test_wrong_use_ends_with_two(arguments: list[str]) -> None:
    assert releve(*arguments).returncode == 2


def test_wrong_use_ends_a_process_with_two() -> None:
    assert process("dance").returncode == 2


def test_a_runtime_folder_too_deep_for_a_socket_is_said(tmp_path: Path) -> None:
    config = configured(tmp_path)
    config.write_text(config.read_text().replace(f"{tmp_path}/run", f"{tmp_path}/{'deep/' * 20}run"))
    done = releve("run", "--config", config)
    assert done.returncode == 1
    assert "box.runtime" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_gateway_on_the_same_data_changes_nothing_there(tmp_path: Path) -> None:
    config = configured(tmp_path, '[dwelling]\nname = "Autre"\n')
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    Catalog.open(data, "Maison", "Europe/Paris", BoxSecret(tmp_path / "secret"))
    before = (data / "catalog.json").read_bytes()
    store = Store.open(data / "series.db", tmp_path / "tail", zone=ZoneInfo("Europe/Paris"), now=lambda: NOON)
    try:
        done = process("run", "--config", config)
    finally:
        store.close()
    assert "already open by another process" in done.stderr
    assert (data / "catalog.json").read_bytes() == before


@pytest.mark.parametrize("command", [["status"], ["import", "history.csv"]])
def test_a_socket_that_cannot_be_reached_is_said(tmp_path: Path, command: list[str]) -> None:
    config = configured(tmp_path)
    (tmp_path / "history.csv").write_text("time\n")
    (tmp_path / "run").write_text("no folder, so that nothing in it can be opened")
    done = releve(*command[:1], "--config", config, *[tmp_path / name for name in command[1:]])
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "releve.sock" in done.stderr
