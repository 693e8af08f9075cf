import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.box import update_file
from gateway.box.update_file import Kind, Part, Refused
from tests.gateway.box import making
from tests.gateway.box.making import PRIVATE, PUBLIC, SYSTEM, app, line, manifest, update
from tools import update_file as maker

KEYS = (PUBLIC,)
SMALL = {"root": b"root", "boot/linux": b"kernel", "boot/initrd": b"initrd"}


class Kept:
    """A sink that keeps what it is given; `whole` are the parts that were called so."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.whole: list[str] = []
        self._name = ""

    def begin(self, part: Part) -> None:
        self._name = part.name
        self.data[part.name] = b""

    def write(self, data: bytes) -> None:
        self.data[self._name] += data

    def end(self, part: Part) -> None:
        self.whole.append(part.name)


def read(data: bytes, known: tuple[bytes, ...] = KEYS) -> tuple[update_file.Update, Kept]:
    stream, kept = io.BytesIO(data), Kept()
    found = update_file.head(stream, known)
    update_file.parts(stream, found, kept)
    return found, kept


def refusal(data: bytes, known: tuple[bytes, ...] = KEYS) -> Refused:
    with pytest.raises(Refused) as caught:
        read(data, known)
    said = str(caught.value)
    assert said
    assert "\n" not in said
    assert len(said) < 200
    return caught.value


def test_a_system_comes_out_as_it_was_put_in() -> None:
    data = update(SYSTEM)
    found, kept = read(data)
    assert (found.manifest.kind, found.manifest.version, found.manifest.base) == (Kind.SYSTEM, "0.2.0", "0.1.0")
    assert found.manifest.made == datetime(2026, 11, 27, 10, tzinfo=UTC)
    assert found.manifest.schemas == {"series": 1, "ledger": 8}
    assert kept.data == SYSTEM
    assert kept.whole == list(SYSTEM)
    assert found.bytes == len(data)
    assert {part.name: data[at : at + part.bytes] for part, at in found.places()} == SYSTEM


def test_any_key_of_several_will_do() -> None:
    assert update_file.verified(io.BytesIO(app()), (bytes(32), b"\x01" * 32, PUBLIC)).manifest.kind is Kind.APP


def test_cut_anywhere_it_is_refused_as_cut() -> None:
    data = update(SMALL, align=1)
    assert refusal(b"").code == "not-update"
    for at in range(1, len(data)):
        assert refusal(data[:at]).code == "truncated", at


def test_a_bit_turned_over_anywhere_is_refused() -> None:
    data = update(SMALL, align=1)
    for at in range(len(data)):
        for bit in range(8):
            turned = bytearray(data)
            turned[at] ^= 1 << bit
            assert refusal(bytes(turned)).code in {"not-update", "format", "signature", "truncated", "changed"}, at


def test_no_part_is_called_whole_before_its_sum() -> None:
    data = bytearray(update(SYSTEM))
    data[-1] ^= 1
    kept, stream = Kept(), io.BytesIO(bytes(data))
    found = update_file.head(stream, KEYS)
    with pytest.raises(Refused, match="w1-gpio"):
        update_file.parts(stream, found, kept)
    assert kept.whole == list(SYSTEM)[:-1]


def test_bytes_after_the_end_are_refused() -> None:
    assert refusal(app() + b"\0").code == "too-long"


def test_another_key_s_signature_is_refused() -> None:
    assert refusal(app(private="22" * 32)).code == "signature"
    assert refusal(app(), ()).code == "no-keys"
    assert refusal(app(), (b"short",)).code == "signature"


def test_a_signature_is_written_in_one_way_only() -> None:
    data = app()
    at = len(update_file.FORMAT)
    assert refusal(data[:at] + data[at : at + 128].upper() + data[at + 128 :]).code == "signature"


def test_nothing_of_a_manifest_is_looked_at_before_its_signature() -> None:
    for text in (b"[" * 60_000, b'{"bytes":' + b"9" * 60_000 + b"}", b"\xff\xfe", b'{"product":"other"}'):
        assert refusal(line(text, private="22" * 32, align=1)).code == "signature"


def test_a_file_of_another_kind_is_called_so() -> None:
    assert refusal(b"PK\x03\x04" + b"\0" * 100).code == "not-update"
    assert refusal(b"releve-update 2\n" + app()[16:]).code == "format"
    assert refusal(os.urandom(100_000)).code == "not-update"


def with_part(**fields: object) -> Callable[[dict[str, Any]], None]:
    return lambda said: said["parts"][0].update(fields)


def system(*names: str) -> dict[str, bytes]:
    return {"root": b"r", "boot/linux": b"k", "boot/initrd": b"i"} | dict.fromkeys(names, b"x")


LIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "version": lambda said: said.update(version="0.2"),
    "version with words": lambda said: said.update(version="0.2.0-evil/../x"),
    "version of one number": lambda said: said.update(version="2"),
    "a line end behind a version": lambda said: said.update(version="0.2.0\n"),
    "huge version": lambda said: said.update(version="0.999999.0"),
    "python": lambda said: said.update(python=3.13),
    "arch": lambda said: said.update(arch="../amd64"),
    "base": lambda said: said.pop("base"),
    "made": lambda said: said.update(made="2026-11-27T10:00:00+01:00"),
    "made of a number": lambda said: said.update(made=3),
    "kind": lambda said: said.update(kind="firmware"),
    "kind of a list": lambda said: said.update(kind=["app"]),
    "schemas": lambda said: said.update(schemas=[1]),
    "a schema that is true": lambda said: said.update(schemas={"series": True}),
    "a schema below nothing": lambda said: said.update(schemas={"series": -1}),
    "a schema with a path": lambda said: said.update(schemas={"../x": 1}),
    "many schemas": lambda said: said.update(schemas={f"a{n}": 1 for n in range(41)}),
    "no parts": lambda said: said.update(parts=[]),
    "parts that are none": lambda said: said.update(parts={"app": 1}),
    "a part that is none": lambda said: said.update(parts=["app"]),
    "two apps": lambda said: said.update(parts=said["parts"] * 2),
    "bytes of nothing": with_part(bytes=0),
    "bytes below nothing": with_part(bytes=-1),
    "bytes that are true": with_part(bytes=True),
    "bytes as a text": with_part(bytes="3"),
    "bytes beyond all": with_part(bytes=10**18),
    "bytes beyond an int": with_part(bytes=10**4000),
    "a sum too short": with_part(sha256="00"),
    "a sum in capitals": with_part(sha256="A" * 64),
    "a name with a way out": with_part(name="../app"),
    "another name": with_part(name="root"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_signed_manifest_is_not_believed_either(lie: Callable[[dict[str, Any]], None]) -> None:
    said: dict[str, Any] = json.loads(json.dumps(manifest({"app": b"app"})))
    lie(said)
    if said.get("version") == "0.2":
        assert read(line(json.dumps(said).encode()) + b"app")[0].manifest.version == "0.2"  # two numbers are enough
        return
    assert refusal(line(json.dumps(said).encode()) + b"app").code == "manifest"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"[" * 60_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"\xff\xfe{}",
        "{}".encode("utf-16"),
        b'{"product":"releve","product":"releve"}',
        b'{"product":"releve","bytes":NaN}',
        b'{"product":"releve","bytes":1e400}',
        b'{"product":"releve","bytes":Infinity}',
        b'{"product":"releve","bytes":' + b"9" * 60_000 + b"}",
        b'{"product":"\\ud800"}',
    ],
)
def test_a_signed_line_that_is_no_manifest_is_refused(text: bytes) -> None:
    assert refusal(line(text)).code == "manifest"


def test_a_manifest_beyond_its_bound_is_refused() -> None:
    long = json.dumps(manifest({"app": b"app"})).encode() + b" " * update_file.MANIFEST_BYTES_MAX
    assert refusal(line(long) + b"app").code == "signature"


@pytest.mark.parametrize(
    "names",
    [
        ("boot/../etc/passwd",),
        ("boot//x",),
        ("boot/.hidden",),
        ("boot/x.",),
        ("/boot/x",),
        ("boot/x\0y",),
        ("boot/x\ny",),
        ("boot/é",),
        ("boot/a/b/c/d/e",),
        ("boot/" + "x" * 101,),
        ("boot",),
        ("boot/",),
        ("app",),
        ("boot/x", "boot/X"),
        ("boot/x", "boot/x/y"),
        ("boot/LINUX/y",),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(names: tuple[str, ...]) -> None:
    assert refusal(update(system(*names))).code == "manifest"


def test_a_system_without_a_kernel_or_a_root_first_is_refused() -> None:
    assert refusal(update({"root": b"r", "boot/initrd": b"i"})).code == "manifest"
    assert refusal(update({"boot/linux": b"k", "root": b"r", "boot/initrd": b"i"})).code == "manifest"
    assert refusal(update(system(*(f"boot/{n}" for n in range(400))))).code == "manifest"


def test_parts_that_are_together_too_large_are_refused() -> None:
    said: Any = manifest(SYSTEM)
    for part in said["parts"]:
        part["bytes"] = update_file.FILE_BYTES_MAX // 3
    assert refusal(line(json.dumps(said).encode())).code == "manifest"


def test_an_app_that_cannot_be_mounted_where_it_lies_is_refused() -> None:
    assert refusal(app(align=1)).code == "manifest"


def test_another_product_is_named() -> None:
    found = refusal(app(product="cozy"))
    assert (found.code, found.fields) == ("product", {"product": "cozy"})


def test_what_a_later_maker_adds_is_left_aside() -> None:
    assert read(app(notes={"fr": "mieux"}))[0].manifest.version == "0.2.0"


def test_versions_are_compared_by_their_numbers() -> None:
    said = ["0.1.0", "0.2", "0.9.1", "0.10.0", "1.0", "1.0.0.1"]
    assert sorted(said) != said
    assert sorted(set(said), key=update_file.ordered) == said
    assert update_file.ordered("1.0") == update_file.ordered("1.0.0")
    for wrong in ("1", "", "1.0rc1", "01.0", "1.0\n", "1.0.0.0.0"):
        with pytest.raises(ValueError, match=r"such as 0\.2\.0"):
            update_file.ordered(wrong)


def test_keys_are_files_of_digits(tmp_path: Path) -> None:
    (tmp_path / "a.pub").write_text(PUBLIC.hex() + "\n")
    (tmp_path / "b.pub").write_text("no key\n")
    (tmp_path / "c.txt").write_text(PUBLIC.hex())
    assert update_file.keys(tmp_path) == (PUBLIC,)
    assert update_file.keys(tmp_path / "nothing") == ()


@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_do_anything_but_to_be_refused(data: bytes, begun: bool) -> None:
    refusal((update_file.FORMAT if begun else b"") + data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
        max_leaves=10,
    ),
    st.sampled_from([*manifest({"app": b"app"}), "parts.0", "parts.0.name", "parts.0.bytes", "parts.0.sha256"]),
)
def test_no_signed_value_does_anything_but_to_be_refused_or_read(value: Any, place: str) -> None:
    said: Any = json.loads(json.dumps(manifest({"app": b"app"})))
    *way, last = place.split(".")
    there = said
    for step in way:
        there = there[int(step)] if isinstance(there, list) else there[step]
    there[int(last) if isinstance(there, list) else last] = value
    data = line(json.dumps(said).encode()) + b"app"
    try:
        found = read(data)[0]
    except Refused as refused:
        assert refused.code in {"manifest", "product", "changed", "truncated", "too-long"}  # noqa: PT017  either is right
    else:
        assert found.bytes == len(data)


def test_the_maker_s_file_is_the_one_that_is_read(tmp_path: Path) -> None:
    key = tmp_path / "release.key"
    assert maker.main(["key", str(key)]) == 0
    assert key.stat().st_mode & 0o777 == 0o600
    (tmp_path / "parts/boot/overlays").mkdir(parents=True)
    (tmp_path / "parts/boot/entry.conf").write_bytes(b"title")
    (tmp_path / "parts/root.squashfs").write_bytes(SYSTEM["root"])
    for name, content in SYSTEM.items():
        if name != "root":
            (tmp_path / "parts" / name).write_bytes(content)
    made = [
        *("system", str(tmp_path / "parts"), "--key", str(key), "--arch", "arm64"),
        *("--version", "0.3.0", "--to", str(tmp_path / "out")),
    ]
    assert maker.main(made) == 0
    path = tmp_path / "out/releve-0.3.0-system-arm64.update"
    public = bytes.fromhex((tmp_path / "release.key.pub").read_text())
    found, kept = read(path.read_bytes(), (public,))
    assert kept.data == SYSTEM | {"boot/entry.conf": b"title"}
    assert (found.manifest.arch, found.manifest.python, found.manifest.base) == ("arm64", "3.13", "0.3.0")
    assert found.manifest.schemas["series"] >= 1
    assert len(found.head) % 4096 == 0
    assert maker.main(["key", str(key)]) == 1, "a key is never written over"


def test_an_app_of_a_package_has_its_bytecode(tmp_path: Path) -> None:
    site = tmp_path / "package/opt/releve/venv/lib/python3/site-packages"
    site.mkdir(parents=True)
    (site / "releve.py").write_text("print('releve')\n")
    (tmp_path / "package/DEBIAN").mkdir()
    control = (
        "Package: releve\nVersion: 0.2.0+deb13\nArchitecture: amd64\nMaintainer: us <us@localhost>\nDescription: us\n"
    )
    (tmp_path / "package/DEBIAN/control").write_text(control)
    package, key = tmp_path / "releve.deb", tmp_path / "key"
    subprocess.run(
        ("dpkg-deb", "--root-owner-group", "--build", tmp_path / "package", package), check=True, capture_output=True
    )
    assert maker.main(["key", str(key)]) == 0
    ours = ".".join(map(str, sys.version_info[:2]))
    command = ["app", str(package), "--key", str(key), "--arch", "amd64", "--python", ours, "--to", str(tmp_path)]
    assert maker.main(command) == 0
    path = tmp_path / "releve-0.2.0-app-amd64.update"
    found, kept = read(path.read_bytes(), (bytes.fromhex((tmp_path / "key.pub").read_text()),))
    assert (found.manifest.version, found.manifest.base) == ("0.2.0", "0.1.0")
    (tmp_path / "app").write_bytes(kept.data["app"])
    listed = subprocess.run(("unsquashfs", "-l", tmp_path / "app"), check=True, capture_output=True, text=True).stdout
    assert f"site-packages/__pycache__/releve.cpython-{ours.replace('.', '')}.pyc" in listed


def test_the_numbers_of_the_schemas_are_those_of_the_files() -> None:
    done = subprocess.run([sys.executable, "-m", "gateway.schemas"], capture_output=True, check=True)
    assert json.loads(done.stdout).keys() == {"series", "ledger", "holders", "catalog", "keys"}


def test_the_maker_and_the_tests_sign_alike() -> None:
    text = json.dumps(manifest({"app": b"app"})).encode()
    assert maker.signed_line(text, PRIVATE) == making.line(text)
