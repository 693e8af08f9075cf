"""Debian's databases, started in a folder of their own; each may be killed and started anew on what it kept."""

import base64
import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.mosquitto import until
from tests.loopback import answers, free_port

STARTS_S = 60.0


@dataclass
class Server:
    folder: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def command(self) -> tuple[str, ...]:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = self.command
        assert shutil.which(command[0]), f"{command[0]} is missing; `make integration` installs it"
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until(lambda: answers(self.port), f"{command[0]} listens", STARTS_S)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


@dataclass
class InfluxServer(Server):
    """InfluxDB 1.6 with the database `releve` and the user that may use it."""

    user: str = "box"
    password: str = "p'ass \"wörd"

    @property
    def command(self) -> tuple[str, ...]:
        path = self.folder / "influxdb.conf"
        path.write_text(f"""
            reporting-disabled = true
            bind-address = "127.0.0.1:{free_port()}"
            [meta]
            dir = "{self.folder}/meta"
            [data]
            dir = "{self.folder}/data"
            wal-dir = "{self.folder}/wal"
            [http]
            bind-address = "127.0.0.1:{self.port}"
            auth-enabled = true
        """)
        return ("influxd", "-config", str(path))

    def found(self) -> None:
        first = {"q": "CREATE USER root WITH PASSWORD 'root' WITH ALL PRIVILEGES"}

        def has_root() -> bool:
            # While it comes up it answers 403 at times: before it has its first user, and for a moment after.
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(f"{self.url}/query", urllib.parse.urlencode(first).encode(), timeout=30).close()
            try:
                self.ask("SHOW DATABASES", database="")
            except urllib.error.HTTPError as error:
                error.close()
                return False
            return True

        until(has_root, "InfluxDB has its first user", STARTS_S)
        password = self.password.replace("'", "\\'")
        for query in (
            "CREATE DATABASE releve",
            f"CREATE USER {self.user} WITH PASSWORD '{password}'",
            f"GRANT ALL ON releve TO {self.user}",
        ):
            self.ask(query, database="")

    def ask(self, query: str, database: str = "releve") -> list[dict[str, Any]]:
        fields = urllib.parse.urlencode({"db": database, "u": "root", "p": "root", "epoch": "s"})
        data = urllib.parse.urlencode({"q": query}).encode()
        with urllib.request.urlopen(f"{self.url}/query?{fields}", data, timeout=30) as answer:
            said = json.loads(answer.read())["results"][0]
        assert "error" not in said, said
        series: list[dict[str, Any]] = said.get("series", [])
        return series

    def rows(self) -> dict[tuple[str, str, str, int], float]:
        """(measurement and field, grant, series, at): value."""
        found = {}
        for one in self.ask('SELECT * FROM /.*/ GROUP BY "grant", "medium", "series"'):
            for row in one["values"]:
                for name, value in zip(one["columns"], row, strict=True):
                    if name != "time" and value is not None:
                        found[f"{one['name']}_{name}", one["tags"]["grant"], one["tags"]["series"], row[0]] = value
        return found


@dataclass
class VictoriaServer(Server):
    """VictoriaMetrics that wants a login, and keeps `kept`."""

    user: str = "box"
    password: str = "p'ass \"wörd"
    kept: str = "100y"

    @property
    def command(self) -> tuple[str, ...]:
        return (
            "victoria-metrics",
            f"-storageDataPath={self.folder}/data",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            f"-retentionPeriod={self.kept}",
            f"-httpAuth.username={self.user}",
            f"-httpAuth.password={self.password}",
            "-memory.allowedBytes=100000000",
        )

    def export(self) -> list[dict[str, Any]]:
        self._ask("internal/force_flush", {})
        return [json.loads(line) for line in self._ask("api/v1/export", {"match[]": '{__name__!=""}'}).splitlines()]

    def value(self, query: str, at: int) -> float:
        """What PromQL says at a time."""
        said = json.loads(self._ask("api/v1/query", {"query": query, "time": str(at)}))
        (one,) = said["data"]["result"]
        return float(one["value"][1])

    def _ask(self, path: str, fields: dict[str, str]) -> bytes:
        data = urllib.parse.urlencode(fields).encode()
        login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        asking = urllib.request.Request(f"{self.url}/{path}", data, {"Authorization": f"Basic {login}"})
        with urllib.request.urlopen(asking, timeout=30) as answer:
            return bytes(answer.read())


BIN = Path("/usr/lib/postgresql/15/bin")
SQL = Path(__file__).parents[2] / "docs" / "postgresql.sql"


@dataclass
class PostgresServer(Server):
    """PostgreSQL 15 as user postgres, with our tables, and the roles box_0001 and box_0002."""

    more: str = ""
    password: str = "p'ass \"wörd"

    @property
    def command(self) -> tuple[str, ...]:
        options = ("-D", f"{self.folder}/data", "-p", str(self.port), "-k", str(self.folder), "-h", "127.0.0.1")
        return (*self._as_postgres, str(BIN / "postgres"), *options)

    @property
    def _as_postgres(self) -> tuple[str, ...]:
        return ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--")

    def found(self) -> None:
        assert BIN.is_dir(), "PostgreSQL 15 is missing; `make integration` installs it"
        for each in (self.folder, *self.folder.parents[: len(self.folder.parents) - 2]):
            each.chmod(each.stat().st_mode | 0o711)  # pytest's own folders are root's alone
        shutil.chown(self.folder, "postgres", "postgres")
        made = ("-D", f"{self.folder}/data", "-A", "scram-sha-256", "-U", "postgres", "-E", "UTF8", "--no-sync")
        words = self.folder / "word"
        words.write_text("root\n")
        shutil.chown(words, "postgres")
        command = (*self._as_postgres, str(BIN / "initdb"), *made, f"--pwfile={words}")
        subprocess.run(command, check=True, capture_output=True, timeout=STARTS_S)
        (self.folder / "data" / "postgresql.auto.conf").write_text(f"shared_buffers = '16MB'\n{self.more}\n")
        self.start()
        self.wait()
        self.ask("CREATE DATABASE releve", "postgres")
        self.ask(SQL.read_text())
        quoted = self.password.replace("'", "''")
        for role in ("box_0001", "box_0002"):
            self.ask(f"CREATE ROLE {role} LOGIN PASSWORD '{quoted}' CONNECTION LIMIT 4 IN ROLE releve_box")

    def wait(self) -> None:
        until(lambda: self._psql("postgres", "SELECT 1").returncode == 0, "PostgreSQL answers", STARTS_S)

    def ask(
        self, sql: str, database: str = "releve", user: str = "postgres", password: str = "root"
    ) -> list[list[str]]:
        """Rows as text, as psql says them."""
        done = self._psql(database, sql, user, password)
        assert done.returncode == 0, done.stderr
        return [line.split("|") for line in done.stdout.splitlines()]

    def refusal(self, sql: str, user: str, password: str) -> str:
        done = self._psql("releve", sql, user, password)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def _psql(
        self, database: str, sql: str, user: str = "postgres", password: str = "root"
    ) -> "subprocess.CompletedProcess[str]":
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d", database)
        command = (str(BIN / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *where)
        env = {"PGPASSWORD": password, "PATH": "/usr/bin:/bin"}
        return subprocess.run(
            command, input=sql, env=env, capture_output=True, text=True, check=False, timeout=STARTS_S
        )

    def kill(self) -> None:
        """Its children, too: they end when they see that it is gone."""
        super().kill()
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
