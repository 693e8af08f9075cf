"""A folder like /dev and one like /sys, with serial adapters plugged in: what the box finds of them."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sockets:
    """Where adapters are plugged in."""

    folder: Path

    def __post_init__(self) -> None:
        for each in (self.dev, self.sys / "class" / "tty"):
            each.mkdir(parents=True, exist_ok=True)

    @property
    def dev(self) -> Path:
        return self.folder / "dev"

    @property
    def sys(self) -> Path:
        return self.folder / "sys"

    def plug(
        self, name: str, line: Path, *, by_id: str = "", maker: str = "", product: str = "", usb: str = "10c4:ea60"
    ) -> str:
        """The adapter `name` (ttyUSB0), whose line is that of a pseudo-terminal; the path a configuration would name."""
        node = self.dev / name
        node.symlink_to(line)
        # The kernel's own folders go by the name of the node, which here is that of the pseudo-terminal.
        adapter = self.sys / "devices" / f"1-{name}"
        interface = adapter / f"1-{name}:1.0" / name
        interface.mkdir(parents=True)
        vendor, _, model = usb.partition(":")
        for file, text in (("idVendor", vendor), ("idProduct", model), ("manufacturer", maker), ("product", product)):
            if text:
                (adapter / file).write_text(text + "\n")
        tty = self.sys / "class" / "tty" / node.resolve().name
        tty.mkdir()
        (tty / "device").symlink_to(interface)
        if not by_id:
            return str(node)
        (self.dev / "serial" / "by-id").mkdir(parents=True, exist_ok=True)
        path = self.dev / "serial" / "by-id" / by_id
        path.symlink_to(node)
        return str(path)

    def unplug(self, name: str) -> None:
        node = self.dev / name
        for path in (self.dev / "serial" / "by-id").glob("*"):
            if path.readlink() == node:
                path.unlink()
        node.unlink()

    def board(self, name: str, *, fitted: bool) -> str:
        """A line of the board itself, under a plain file: nobody opens it."""
        (self.dev / name).touch()
        tty = self.sys / "class" / "tty" / name
        tty.mkdir()
        (tty / "type").write_text("4\n" if fitted else "0\n")
        return str(self.dev / name)
