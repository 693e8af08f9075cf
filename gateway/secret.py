"""The box secret: 32 random bytes in a file of their own, under which the meters' keys are sealed (docs/keys.md)."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from gateway.files import flush_names

SECRET_BYTES = 32


class SecretError(Exception):
    """Why there is no box secret, in one sentence that begins with its place."""


@dataclass(frozen=True, slots=True)
class BoxSecret:
    """Where it lies. What it is, only `read` and `make` say, and nobody keeps it longer than it takes to seal."""

    path: Path

    def read(self) -> bytes | None:
        """None where there is none yet; SecretError where there is one that cannot be used."""
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                if found.st_uid == os.geteuid() and found.st_mode & 0o077:
                    os.fchmod(file.fileno(), 0o600)
                data = file.read(SECRET_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretError(f"{self.path}: cannot be read: {error.strerror}") from None
        if len(data) != SECRET_BYTES:
            size = f"more than {SECRET_BYTES}" if len(data) > SECRET_BYTES else str(len(data))
            raise SecretError(f"{self.path}: a box secret has {SECRET_BYTES} bytes, and this has {size}")
        return data

    def make(self) -> bytes:
        """The one that is there, or a new one, which is on the card when this returns."""
        found = self.read()
        if found is not None:
            return found
        beside = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                with os.fdopen(file, "wb") as stream:
                    stream.write(secrets.token_bytes(SECRET_BYTES))
                    stream.flush()
                    os.fsync(stream.fileno())
                os.link(beside, self.path)  # unlike a rename, it never takes the place of one that somebody else made
            except FileExistsError:
                pass
            finally:
                beside.unlink()
            flush_names(self.path.parent)
        except OSError as error:
            raise SecretError(
                f"{self.path}: cannot be made: {error.strerror}; name a file elsewhere with box.secret"
            ) from None
        made = self.read()
        assert made is not None, self.path
        return made
