"""A folder that says what an image says of itself, and signed updates for it, with a key of the test's own."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gateway import schemas
from gateway.box import fitting, said
from gateway.box.update_file import Kind
from gateway.standing import IMAGE, KEYS, Places, Standing, standing
from tools.update_file import About, new_key, write

VERSION = "0.1.0"  # of the image


@dataclass(frozen=True)
class ImageFolder:
    """The places of an image in `folder`, and who signs what it takes."""

    folder: Path
    key: str = field(repr=False)

    @property
    def places(self) -> Places:
        return Places(self.folder / "share", self.folder / "said", self.folder / "cmdline")

    @property
    def standing(self) -> Standing:
        return standing(self.places)

    def says(self, subject: str, state: str, why: str | None = None, **fields: str | int | bool) -> None:
        """As root does."""
        said.write(subject, state, why, folder=self.places.said, at=None, **fields)

    def update(
        self,
        version: str = "9.0.0",
        *,
        size: int = 100_000,
        kind: Kind = Kind.APP,
        key: str = "",
        arch: str = "",
        python: str = "",
        base: str = VERSION,
    ) -> bytes:
        """A signed file whose first part has `size` bytes; for this machine unless it is said otherwise."""
        when, ours = datetime(2026, 11, 27, 10, tzinfo=UTC), (arch or fitting.arch(), python or fitting.python())
        about = About(kind, version, when, *ours, base, schemas.numbers())
        parts = {"app": size} if kind is Kind.APP else {"root": size, "boot/linux": 1000, "boot/initrd": 1000}
        made = self.folder / "parts"
        for name, length in parts.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_bytes(bytes(range(256)) * (length // 256 + 1))
        return write(made, about, {name: made / name for name in parts}, key or self.key).read_bytes()


def make_image(folder: Path) -> ImageFolder:
    """An image of this machine's kind, whose root A is in use."""
    private, public = new_key()
    made = ImageFolder(folder, private)
    (made.places.share / KEYS).mkdir(parents=True)
    made.places.said.mkdir()
    (made.places.share / KEYS / "test.pub").write_text(public + "\n")
    about = {"version": VERSION, "arch": fitting.arch(), "commit": "0123abc", "made": "2026-11-20T10:00:00Z"}
    (made.places.share / IMAGE).write_text(json.dumps(about))
    made.places.command_line.write_text("root=PARTUUID=52656c76-02 ro quiet\n")
    return made
