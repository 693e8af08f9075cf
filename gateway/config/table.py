"""One TOML table being read: each question names its key, and what is wrong is said by path."""

import difflib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

NAME_CHARACTERS_MAX = 80
SHOWN_CHARACTERS_MAX = 40

PORT_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")

T = TypeVar("T")


class Table:
    """One TOML table being read: each question names a key, and `end` refuses the keys nobody asked for."""

    def __init__(self, content: dict[str, object], path: str, faults: list[str]) -> None:
        self.met = frozenset(content)
        self._content = content
        self._path = path
        self._faults = faults
        self._known: list[str] = []

    def fault(self, key: str, text: str) -> None:
        self._faults.append(".".join(part for part in (self._path, key) if part) + f": {text}")

    def refuse(self, key: str, reason: str) -> None:
        if key in self.met:
            self.fault(key, f"has no place here: {reason}")

    def _get(self, key: str) -> object | None:
        self._known.append(key)
        return self._content.get(key)

    def checked(self, key: str, default: T, check: Callable[[str], T], needed: bool = False) -> T:
        value = self._get(key)
        if value is None:
            if needed:
                self.fault(key, "is needed")
            return default
        return self._check(key, value, default, check)

    def some(self, key: str, check: Callable[[str], T], needed: bool) -> tuple[T, ...]:
        """One text, or a list of them."""
        value = self._get(key)
        if needed and value in (None, []):
            self.fault(key, "is needed")
        if value is None:
            return ()
        named = [(key, value)]
        if isinstance(value, list):
            named = [(f"{key}[{index}]", item) for index, item in enumerate(value, 1)]
        checked = [self._check(where, item, None, check) for where, item in named]
        return tuple(item for item in checked if item is not None)

    def _check(self, where: str, value: object, default: T, check: Callable[[str], T]) -> T:
        if not isinstance(value, str):
            self.fault(where, f"a text in quotes is needed, not {shown(value)}")
            return default
        try:
            return check(value)
        except ValueError as error:
            self.fault(where, str(error))
        return default

    def word(self, key: str, default: T, words: Sequence[T], needed: bool = False) -> T:
        def check(text: str) -> T:
            for word in words:
                if word == text:
                    return word
            raise ValueError(f"one of {', '.join(map(str, words))} is needed, not {shown(text)}")

        return self.checked(key, default, check, needed)

    def integer(self, key: str, default: T, allowed: Sequence[int]) -> int | T:
        value = self._get(key)
        if value is None:
            return default
        if type(value) is int and value in allowed:
            return value
        wanted = f"{allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else f"one of {join(allowed)}"
        self.fault(key, f"{wanted} is needed, not {shown(value)}")
        return default

    def boolean(self, key: str, default: bool) -> bool:
        value = self._get(key)
        if value is not None and not isinstance(value, bool):
            self.fault(key, f"true or false is needed, not {shown(value)}")
        return value if isinstance(value, bool) else default

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self._get(key)
        if value is None:
            return default
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.fault(key, f"a list of texts is needed, not {shown(value)}")
        return default

    def table(self, key: str) -> "Table":
        value = self._get(key)
        if value is not None and not isinstance(value, dict):
            self.fault(key, f"one table [{key}] is needed, not {shown(value)}")
        return Table(value if isinstance(value, dict) else {}, key, self._faults)

    def tables(self, key: str) -> list["Table"]:
        value = self._get(key)
        if value is None:
            return []
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            place = f"{self._path}.{key}" if self._path else key
            return [Table(item, f"{place}[{index}]", self._faults) for index, item in enumerate(value, 1)]
        self.fault(key, f"tables [[{key}]], in two brackets, are needed, not {shown(value)}")
        return []

    def end(self) -> None:
        for key in sorted(self.met.difference(self._known)):
            near = difflib.get_close_matches(key, self._known, 1)
            self.fault(key, "is not known" + (f"; {near[0]}?" if near else f": one of {join(self._known)}"))


def host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError(f"host:port is needed, not {shown(text)}")
    return host, int(port)


def device_path(text: str) -> str:
    if not text.startswith("/") or "\0" in text:
        raise ValueError(f"a path such as /dev/ttyUSB0 is needed, not {shown(text)}")
    return text


def port_name(text: str) -> str:
    if not PORT_NAME.fullmatch(text):
        raise ValueError(f"1 to 32 letters, digits, - or _ are needed, not {shown(text)}")
    return text


def file_path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError(f"a file is needed, not {shown(text)}")
    return Path(text)


def line(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > NAME_CHARACTERS_MAX:
        raise ValueError(f"a line of 1 to {NAME_CHARACTERS_MAX} characters is needed, not {shown(text)}")
    return text


def shown(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "a table"
        case list():
            return "a list"
        case str() if len(value) > SHOWN_CHARACTERS_MAX:
            return repr(value[:SHOWN_CHARACTERS_MAX]) + "..."
        case str():
            return repr(value)
        case _:
            return str(value)


def join(words: Sequence[object]) -> str:
    return ", ".join(map(str, words))
