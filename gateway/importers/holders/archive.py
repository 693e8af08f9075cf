"""The files of a zip, unpacked piece by piece within one bound for all of them: what they claim to be long is not believed."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from gateway.importers.holders.found import FileRefusedError, Why

FILES_MAX = 200
UNPACKED_BYTES_MAX = 32_000_000
BLOCK_BYTES = 1 << 16
# APPNOTE.TXT 6.3.10, 4.3.16: the end of central directory record, at the end before a comment of 64 kB at most.
_END = b"PK\x05\x06"
_END_64 = b"PK\x06\x07"
_TAIL_BYTES = 22 + 65_535
_DIRECTORY_BYTES_MAX = 200_000


class Archive:
    def __init__(self, file: IO[bytes]) -> None:
        _check_directory(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise FileRefusedError(Why.ARCHIVE) from error
        self._left = UNPACKED_BYTES_MAX

    def names(self) -> list[str]:
        return [info.filename for info in self._zip.infolist() if not info.is_dir()]

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content of one file of the archive."""
        try:
            with self._zip.open(name) as file:
                while block := file.read(BLOCK_BYTES):
                    self._left -= len(block)
                    if self._left < 0:
                        raise FileRefusedError(Why.ARCHIVE_LARGE, mb=UNPACKED_BYTES_MAX // 1_000_000)
                    yield block
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            RuntimeError,
            NotImplementedError,
            KeyError,
        ) as error:
            raise FileRefusedError(Why.ARCHIVE) from error  # RuntimeError: it has a password

    def content(self, name: str) -> bytes:
        return b"".join(self.pieces(name))


def _check_directory(file: IO[bytes]) -> None:
    """Before zipfile reads the whole of it: some hundred thousand entries fit into a small file."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read(_TAIL_BYTES)
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22 or _END_64 in tail:
        raise FileRefusedError(Why.ARCHIVE)
    entries, directory_bytes = struct.unpack_from("<HL", tail, at + 10)
    if entries > FILES_MAX or directory_bytes > _DIRECTORY_BYTES_MAX:
        raise FileRefusedError(Why.ARCHIVE_FILES, n=FILES_MAX)
