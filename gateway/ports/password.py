"""A password that lies in a file of its own, so that the configuration can be shown to anybody."""

from pathlib import Path

PASSWORD_BYTES_MAX = 1024


def password_in(path: Path) -> str:
    """The one line of the file; OSError says in one sentence why there is none."""
    try:
        with path.open("rb") as file:
            text = file.read(PASSWORD_BYTES_MAX + 1).decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise OSError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        text = ""
    if not 0 < len(text) <= PASSWORD_BYTES_MAX or not text.isprintable():
        raise OSError(f"{path}: one line with the password alone is needed")
    return text
