"""Other projects' WebDAV servers, really started on 127.0.0.1; and what lies there."""

import base64
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.way import Form, Kind, Way
from sync.files import NAME, read_manifest
from sync.model import Parcel
from tests.loopback import answers, free_port
from tests.parcels import House

FOLDER = "releve-01234567"
USER, PASSWORD = "camille", "cheval correct pile agrafe"
READY_S_MAX = 10.0
END_S_MAX = 5.0


@dataclass
class Owner(House):
    """Who may have to say yes on the target's page."""

    shown: list[str] = field(default_factory=list)

    async def show(self, link: str) -> None:
        self.shown.append(link)


def way(url: str, *, sealed_for: tuple[str, ...] = (), kind: Kind = Kind.WEBDAV, user: str = USER) -> Way:
    made = Way(kind, url, user, Form.SEALED if sealed_for else Form.FILES, sealed_for, at_home=True)
    made.check()
    return made


# -- what lies there --------------------------------------------------------------------------------------------------
def valid(folder: Path) -> dict[str, Path]:
    """The file of each period that a manifest names, read from the server's own disk; each is what the manifest says."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*/manifest.json")):
        files = read_manifest(path.read_bytes())
        assert files is not None, f"{path} is no manifest"
        for file in files:
            content = (path.parent / file.name).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)
            assert file.period not in found
            found[file.period] = path.parent / file.name
    return found


def objects(folder: Path) -> list[Path]:
    """All that has a name of ours, whether it is valid or not."""
    return sorted(path for path in folder.glob("*/*") if NAME.fullmatch(path.name))


def read(path: Path) -> Parcel:
    """What a readable file says."""
    said = json.loads(path.read_bytes())
    assert said["releve"] == 1
    return Parcel.read(said)


# -- who runs there ---------------------------------------------------------------------------------------------------
@dataclass
class Server:
    """One that may be killed and started anew. `files` is its folder on the disk, `url` the same over the network."""

    folder: Path
    port: int
    path: str = "/"
    more: str = ""  # lines of its configuration, where it has one
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def files(self) -> Path:
        return self.folder / "files"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + READY_S_MAX
        while not answers(self.port):
            said = (self.folder / "server.log").read_text(errors="replace")
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {said}"
            assert time.monotonic() < until, f"it is not ready: {said}"
            time.sleep(0.02)

    def kill(self) -> None:
        """With SIGKILL, and its children."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(END_S_MAX)
            self.process = None


APACHE = """
ServerName 127.0.0.1
ServerRoot "{folder}"
Listen 127.0.0.1:{port}
PidFile "{folder}/pid"
ErrorLog "{folder}/error.log"
User www-data
Group www-data
DocumentRoot "{folder}/empty"
DavLockDB "{folder}/locks/db"
{more}
{alias}
<Directory "{folder}/files">
    Dav On
    AuthType Basic
    AuthName releve
    AuthUserFile "{folder}/users"
    Require valid-user
</Directory>
"""
MODULES = (
    "mpm_event",
    "alias",
    "auth_basic",
    "authn_core",
    "authn_file",
    "authz_core",
    "authz_user",
    "dav",
    "dav_fs",
    "proxy",
    "proxy_http",
)


class Apache(Server):
    """Debian's apache2 with mod_dav, its files at `path`."""

    def command(self) -> list[str]:
        loads = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in MODULES)
        for name in ("files", "locks", "empty"):
            (self.folder / name).mkdir(exist_ok=True)
            (self.folder / name).chmod(0o777)
        if not self.users.exists():
            self.let_in(PASSWORD)
        alias = f'Alias "{self.path.rstrip("/") or "/"}" "{self.folder}/files"'
        config = self.folder / "apache.conf"
        config.write_text(loads + APACHE.format(folder=self.folder, port=self.port, alias=alias, more=self.more))
        return ["apache2", "-X", "-f", str(config)]

    @property
    def users(self) -> Path:
        return self.folder / "users"

    def let_in(self, password: str | None) -> None:
        """From now on this password and no other opens it; it reads its list at each request."""
        lines = ""
        if password is not None:
            digest = base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()  # a form that it reads
            lines = f"{USER}:{{SHA}}{digest}\n"
        self.users.write_text(lines)


class Rclone(Server):
    """Debian's rclone, which ignores preconditions."""

    def command(self) -> list[str]:
        self.files.mkdir(exist_ok=True)
        where = ("--addr", f"127.0.0.1:{self.port}", "--baseurl", self.path)
        return [
            "rclone",
            "serve",
            "webdav",
            str(self.files),
            *where,
            "--user",
            USER,
            "--pass",
            PASSWORD,
            "--config",
            "",
        ]


KINDS: dict[str, type[Server]] = {"apache2": Apache, "rclone": Rclone}


@contextmanager
def serving(kind: str, path: str = "/dav/", more: str = "") -> Iterator[Server]:
    """One that runs, in a folder of its own: Apache's workers are not root, and pytest closes its folders to all others."""
    with TemporaryDirectory(prefix=f"releve-{kind}-") as name:
        Path(name).chmod(0o755)
        server = KINDS[kind](Path(name), free_port(), path, more)
        server.start()
        try:
            yield server
        finally:
            server.kill()
