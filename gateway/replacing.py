"""The house of a back-up takes the place of the one that stands, of a gateway that goes on running (docs/backup.md).

It is unsealed and looked at beside the house (`prepare`). When its owner says so (`want`), the gateway opens anew, and before
it opens anything what stands is set aside and the other one is put (`finish`). A power cut at any moment only delays that:
what was begun is done at the next start. The box keeps its own secret and its configuration: the keys are sealed anew.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from gateway import keys
from gateway.anew import IN_RUNTIME
from gateway.backup import ABOUT, CONFIG, RESTORED, SECRET, BackupError
from gateway.config import Config
from gateway.files import flush_names, replace
from gateway.restore import Key, looked_at, unpack
from gateway.secret import BoxSecret, SecretError

KEYS = "keys.json"
# The owner said yes, and what stands is to be set aside; then the other house is to be put.
WANTED, PLACING = "restored.wanted", "restored.placing"
ASIDE = "before-"


@dataclass(frozen=True, slots=True)
class Back:
    """What a back-up says of itself. `made_at` is UTC seconds."""

    dwelling: str
    made_at: int


def prepare(archive: Path, passphrase: str, config: Config) -> Back:
    """The house of a back-up lies ready. BackupError, or OSError of the card: nothing lies there."""
    forget(config)
    new = config.data / RESTORED
    new.mkdir(mode=0o700)
    try:
        held = unpack(archive, Key(passphrase=passphrase), new, in_memory=(SECRET, CONFIG))
        about = looked_at(new)
        if SECRET in held and (new / KEYS).exists():
            data = keys.sealed_anew((new / KEYS).read_bytes(), held[SECRET], BoxSecret(config.secret).make())
            replace(new / KEYS, data)
        for path in new.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            else:
                flush_names(path)
        flush_names(new)
        return Back(str(about["dwelling"]), int(about["made_at"]))
    except (keys.KeysError, SecretError, KeyError, TypeError, ValueError) as error:
        forget(config)
        raise BackupError(f"{archive}: damaged in the back-up: {error}") from None
    except BaseException:
        forget(config)
        raise


def forget(config: Config) -> None:
    """What lies ready does no longer."""
    shutil.rmtree(config.data / RESTORED, ignore_errors=True)


def want(config: Config, stamp: str) -> None:
    """What lies ready takes the place of what stands at the next opening; that is kept in `before-<stamp>`."""
    replace(config.data / WANTED, f"{json.dumps({'stamp': stamp})}\n".encode())


def finish(config: Config) -> bool:
    """Let the house that was wanted take its place, if one was. No gateway may run on the folder."""
    data, new = config.data, config.data / RESTORED
    wanted, placing = data / WANTED, data / PLACING
    if wanted.exists() and new.is_dir():
        _set_aside(config, data / f"{ASIDE}{json.loads(wanted.read_text())['stamp']}")
        wanted.rename(placing)
        flush_names(data)
    wanted.unlink(missing_ok=True)
    if not placing.exists():
        return False
    for path in sorted(new.rglob("*")):
        if path.is_file() and path.name != ABOUT:
            target = data / path.relative_to(new)
            target.parent.mkdir(mode=0o700, exist_ok=True)
            path.rename(target)
            flush_names(target.parent)
    flush_names(data)
    forget(config)
    placing.unlink()
    flush_names(data)
    return True


def aside(config: Config) -> list[Path]:
    """The houses that stood here before."""
    return sorted(path for path in config.data.glob(f"{ASIDE}*") if path.is_dir())


def erase_aside(config: Config) -> None:
    for path in aside(config):
        shutil.rmtree(path)
    flush_names(config.data)


def _set_aside(config: Config, before: Path) -> None:
    """Each file and folder once: after a power cut those that are still there."""
    data, stay = config.data, {RESTORED, WANTED}
    before.mkdir(mode=0o700, exist_ok=True)
    for path in sorted(data.iterdir()):
        is_ours = path in (config.secret, config.runtime, *config.runtime.parents)
        if path.name not in stay and not path.name.startswith(ASIDE) and not is_ours:
            path.rename(before / path.name)
    for name in IN_RUNTIME:  # of memory, so it is copied
        if (config.runtime / name).exists():
            shutil.rmtree(before / name, ignore_errors=True)
            shutil.move(config.runtime / name, before / name)
    flush_names(before)
    flush_names(data)
