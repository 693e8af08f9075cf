"""The command line: `releve COMMAND`. Ends with 0 done, 1 the input or the world was wrong, 2 wrong use."""

import argparse
import asyncio
import base64
import getpass
import importlib.metadata
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway import backup_command, erase_command, export_command, import_command, ledger_command, store_command
from gateway.trouble import Trouble

if TYPE_CHECKING:
    from gateway.config import Config

# What a shell calls a program that Ctrl-C ended before it had anything to put away.
INTERRUPTED = 130
TCP_PORT_MAX = 65_535
CONFIG = Path("/etc/releve/releve.toml")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        command: Callable[[argparse.Namespace], int | None] = options.command
        return command(options) or 0
    except Trouble as trouble:
        sys.stderr.write(f"releve: {trouble}\n")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Who read our output went away (`| head`): nothing more to say, and nothing to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="releve", description="The home's meter box.")
    parser.add_argument("--version", action="version", version=f"releve {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="run with a furnished house on 127.0.0.1; no hardware, no configuration")
    demo.add_argument("--port", type=_tcp_port, default=8080, help="where the pages are served (default 8080; 0: any)")
    demo.add_argument("--data", type=Path, help="keep the demo's files in this folder (default: a temporary one)")
    demo.set_defaults(command=_demo)

    run = commands.add_parser("run", help="run the gateway")
    _takes_config(run)
    run.add_argument(
        "--wait-for-devices", action="store_true", help="start although a device is missing, and wait for it"
    )
    run.set_defaults(command=_run)

    check = commands.add_parser("check", help="say what is wrong in the configuration and with its devices")
    _takes_config(check)
    check.set_defaults(command=_check)

    status = commands.add_parser("status", help="how the running gateway does")
    _takes_config(status)
    status.add_argument("--json", action="store_true")
    status.set_defaults(command=_status)

    bring_in = commands.add_parser(
        "import", help="bring in the past from files: ours, or those that companies give back"
    )
    _takes_config(bring_in)
    import_command.add_arguments(bring_in)
    bring_in.set_defaults(command=_import)

    keys = commands.add_parser("keys", help="keep the meters' keys that an operator's file holds")
    _takes_config(keys)
    keys.add_argument("files", type=Path, nargs="+", metavar="FILE", help="CSV or KEM as docs/keys.md describes them")
    keys.add_argument("--password-file", type=Path, metavar="FILE", help="holds the password of KEM files, in one line")
    keys.add_argument("--json", action="store_true")
    keys.set_defaults(command=_keys)

    backup = commands.add_parser("backup", help="write the house into one file that only you can open")
    _takes_config(backup)
    backup_command.add_backup(backup)
    backup.set_defaults(command=_backup)

    restore = commands.add_parser(
        "restore", help="put the house of a back-up in its place, on a gateway that does not run"
    )
    _takes_config(restore)
    backup_command.add_restore(restore)
    restore.set_defaults(command=_restore)

    check_store = commands.add_parser("check-store", help="say whether the series on the card are whole")
    _takes_config(check_store)
    store_command.add_arguments(check_store)
    check_store.set_defaults(command=_check_store)

    ledger = commands.add_parser("ledger", help="check the record of consents and of what was read, or take it along")
    ledger_command.add_arguments(ledger, _takes_config)
    ledger.set_defaults(command=_ledger)

    erase = commands.add_parser("erase", help="erase what was kept of a metering point, a span or all")
    _takes_config(erase)
    erase_command.add_arguments(erase)
    erase.set_defaults(command=_erase)

    recover = commands.add_parser("recover", help="the password is lost: end every access, and set the box up again")
    _takes_config(recover)
    recover.add_argument("--yes", action="store_true", help="do not ask whether it is meant")
    recover.set_defaults(command=_recover)

    export = commands.add_parser(
        "export", help="write all that was read as CSV tables, JSON or Green Button, for other programs"
    )
    _takes_config(export)
    export_command.add_arguments(export)
    export.set_defaults(command=_export)

    analyze = commands.add_parser(
        "analyze", help="explain one M-Bus telegram byte by byte, and what is needed to read it"
    )
    analyze.add_argument(
        "telegram",
        nargs="+",
        metavar="HEX",
        help="hex digits, or a line of rtl_wmbus, rtl_433 or CUL; of several the last is explained; - reads standard input",
    )
    analyze.add_argument("--key", metavar="HEX", help="tried on the telegram, shown nowhere")
    analyze.add_argument("--json", action="store_true")
    analyze.set_defaults(command=_analyze)

    decode = commands.add_parser("decode", help="decode captured bytes: one JSON object a line, see docs/decode.md")
    decode.add_argument("protocol", choices=("tic", "p1", "sml", "wmbus", "mbus"))
    decode.set_defaults(command=_decode)
    return parser


def _takes_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=CONFIG, help=f"configuration file (default {CONFIG})")


def _tcp_port(text: str) -> int:
    if not text.isdecimal() or int(text) > TCP_PORT_MAX:
        raise argparse.ArgumentTypeError(f"0 to {TCP_PORT_MAX} is needed, not {text!r}")
    return int(text)


def _version() -> str:
    try:
        return importlib.metadata.version("releve")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed: run from a checkout)"


def _load(path: Path) -> "Config":
    from gateway.config import ConfigError, load

    try:
        return load(path)
    except ConfigError as error:
        raise Trouble(str(error)) from None


def _demo(options: argparse.Namespace) -> None:
    from gateway.demo.command import demo

    demo(options.port, options.data)


def _run(options: argparse.Namespace) -> None:
    from gateway import app

    def running(urls: tuple[str, ...], setup_code: str | None) -> None:
        for url in urls:
            say(f"Relevé: {url}")
        if setup_code is not None:
            say(f"First visit: the code is {setup_code}")

    asyncio.run(app.run(_load(options.config), running, wait_for_devices=options.wait_for_devices))


def _check(options: argparse.Namespace) -> None:
    from gateway import app

    config = _load(options.config)
    app.check(config)
    say(f"{options.config}: good: {_count(len(config.ports), 'port')}, {_count(len(config.meters), 'meter')}")


def _status(options: argparse.Namespace) -> None:
    from gateway import control

    try:
        answer = control.ask(_running(options), "GET", "/status")
    except ConnectionError as error:
        raise Trouble(str(error)) from None
    if options.json:
        say(json.dumps(answer))
        return
    if answer["setup_code"]:
        say(f"first visit: the code is {answer['setup_code']}")
    if answer["damaged"]:
        say("trouble: series.db is damaged; a restart takes out what can be read")
    for trouble in (answer["trouble"], answer["keys_trouble"]):
        if trouble:
            say(f"trouble: {trouble}")
    if answer["clock"] == "nobody":
        say("the time is not known: what is heard is kept, and dated once it is (the page of the box can be told it)")
    for port in answer["ports"]:
        say(_port_line(port))
        if port["listening"] is not None and (advice := _advice(port, _load(options.config))):
            say(f"  {advice}")
    for point in answer["points"]:
        index = f"{point['index']} {point['unit']}" if point["index"] else "no index yet"
        say(f"{point['name']}: {point['state']}; {index}")
    say(f"heard, not adopted: {answer['heard']}")
    if answer["set_aside"]:
        say("telegrams set aside: " + ", ".join(f"{count} {what}" for what, count in answer["set_aside"].items()))


def _port_line(port: dict[str, Any]) -> str:
    counts = ", ".join(f"{count} {what}" for what, count in port["counts"].items())
    receiver = f" ({port['receiver']})" if port["receiver"] else ""
    listening = port["listening"] or {}
    if listening.get("hears") == "groups":
        found = [*filter(None, [listening["mode"]]), *(f"{baud} baud" for baud in listening["bauds"])]
        receiver = f" ({', '.join(found)})" if found else ""
    if quality := port["quality"]:
        counts += f"; quality {quality['word']}, {quality['bad_groups']} bad groups in the last hour"
    return f"port {port['name']}{receiver}: {'open' if port['open'] else port['reason'] or 'not open yet'}; {counts}"


def _advice(port: dict[str, Any], config: "Config") -> str:
    """What to look at on a line that is not understood, in the language of the box's pages."""
    from zoneinfo import ZoneInfo

    from gateway.views import Hears, Listening
    from webui.line import advice
    from webui.words import Words, plain

    listening = port["listening"]
    heard = Listening(Hears(listening["hears"]), tuple(listening["bauds"]), listening["mode"])
    words = Words(config.web.language, ZoneInfo(config.dwelling.time_zone))
    return plain(advice(words, port["protocol"], heard) or "")


def _import(options: argparse.Namespace) -> int:
    import_command.check_use(options)
    return import_command.run(options, _load(options.config), say)


def _backup(options: argparse.Namespace) -> None:
    backup_command.backup(options, _load(options.config), say)


def _check_store(options: argparse.Namespace) -> int:
    return store_command.run(options, _load(options.config), say)


def _ledger(options: argparse.Namespace) -> int:
    if options.what == "verify" and options.file is not None:  # a copy: no box is needed
        return ledger_command.verify_copy(options, say)
    return ledger_command.run(options, _load(options.config), say)


def _erase(options: argparse.Namespace) -> None:
    erase_command.run(options, _load(options.config), say)


def _recover(options: argparse.Namespace) -> None:
    from gateway import control

    runtime = _running(options)
    if not options.yes:
        if not sys.stdin.isatty():
            raise Trouble("nothing was changed: --yes is needed where nobody can be asked")
        sys.stderr.write("End every access and log every browser out? What was read stays. Type yes: ")
        if sys.stdin.readline().strip() != "yes":
            raise Trouble("nothing was changed")
    try:
        code = control.ask(runtime, "POST", "/recover", {})["setup_code"]
    except ConnectionError as error:
        raise Trouble(str(error)) from None
    say(f"every access has ended; open the pages, the code is {code}")


def _export(options: argparse.Namespace) -> int:
    return export_command.run(options, _load(options.config), say)


def _restore(options: argparse.Namespace) -> None:
    backup_command.restore(options, say)


def _keys(options: argparse.Namespace) -> int:
    from gateway import control
    from gateway.importers.keyfile import KeyFileError, Why, read

    config = _load(options.config)
    password = _password(options.password_file)
    refused = 0
    for path in options.files:
        data = _bounded(path)
        try:
            try:
                file = read(data, password)
            except KeyFileError as error:
                if error.why is not Why.LOCKED or not sys.stdin.isatty():
                    raise
                password = getpass.getpass(f"{path}: password: ")
                file = read(data, password)
        except KeyFileError as error:
            hint = "; name a file that holds it with --password-file" if error.why is Why.LOCKED else ""
            raise Trouble(f"{path}: {error}{hint}") from None
        body = {"data": base64.b64encode(data).decode(), "password": password}
        try:
            report = control.ask(config.runtime, "POST", "/keys", body)
        except ConnectionRefusedError:
            from gateway.app import keep_keys_stopped

            report = keep_keys_stopped(config, file)
        except ConnectionError as error:
            raise Trouble(str(error)) from None
        refused += report["rows_refused"]
        if options.json:
            say(json.dumps(report))
            continue
        say(
            f"{path}: {_count(report['kept'], 'key')} kept, {report['new']} of them new; {len(report['mine'])} for "
            f"meters of yours, {len(report['heard'])} for meters heard; {_count(report['rows_refused'], 'row')} refused"
        )
        for point in report["read"]:
            say(f"{path}: {point} is read with its key")
        for line in report["refused"]:
            say(f"{path}: {line}")
    return 1 if refused else 0


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        lines = _bounded(path).decode().splitlines()
    except UnicodeDecodeError:
        lines = []
    if len(lines) != 1 or not lines[0]:
        raise Trouble(f"{path}: one line in UTF-8, the password, is needed")
    return lines[0]


def _bounded(path: Path) -> bytes:
    """A file that may be a key file, and not more of it than one has."""
    from gateway.importers.keyfile import FILE_BYTES_MAX

    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Trouble(f"{path}: cannot be read: {error.strerror}") from None


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _decode(options: argparse.Namespace) -> None:
    match options.protocol:
        case "tic":
            from gateway.decode import tic

            tic.run(sys.stdin.buffer, sys.stdout)
        case "p1" | "sml":
            from gateway.decode import ports

            ports.run(options.protocol, sys.stdin.buffer, sys.stdout)
        case "wmbus":
            from gateway.decode import wmbus

            wmbus.run(sys.stdin, sys.stdout)
        case _:
            from gateway.decode import mbus

            mbus.run(sys.stdin, sys.stdout)


def _analyze(options: argparse.Namespace) -> None:
    from gateway import analyze

    text = sys.stdin.read() if options.telegram == ["-"] else "\n".join(options.telegram)
    analyze.run(text, options.key, options.json, sys.stdout)


def _running(options: argparse.Namespace) -> Path:
    return _load(options.config).runtime


def say(text: str) -> None:
    """One line for a person or a program, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
