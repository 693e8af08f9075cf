"""What the package brings beside the product: the example of a configuration, and what is said of the wheels."""

import re
from email.message import Message
from pathlib import Path

import pytest

from gateway.config import parse
from tools import sbom
from tools.wheels import Wheel

EXAMPLE = Path(__file__).parents[1] / "images/deb/releve.toml"
AT = 1795768451


def wheel(name: str, version: str, **said: str) -> Wheel:
    metadata = Message()
    for field, value in said.items():
        metadata[field.replace("_", "-")] = value
    return Wheel(Path(f"{name}-{version}-py3-none-any.whl"), "ab" * 32, name, version, metadata)


WHEELS = (wheel("yarl", "1.25.1", License="Apache-2.0"), wheel("attrs", "26.1.0", License_Expression="MIT"))


def test_the_example_is_whole_as_it_is() -> None:
    assert parse(EXAMPLE.read_text(), "the example") == parse("", "nothing")


def test_and_so_is_each_line_of_it_that_is_taken_in() -> None:
    config = parse(re.sub(r"(?m)^#(?=[\[a-z])", "", EXAMPLE.read_text()), "the example")
    assert [port.name for port in config.ports] == ["linky", "radio"]
    assert [meter.name for meter in config.meters] == ["Eau froide"]


def test_a_wheel_is_named_with_its_hash_and_its_licence() -> None:
    found = sbom.of_wheels(WHEELS, "0.1.0", AT)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["timestamp"] == "2026-11-27T08:34:11Z"
    assert found["components"][0] == {
        "type": "library",
        "bom-ref": "pkg:pypi/attrs@26.1.0",
        "name": "attrs",
        "version": "26.1.0",
        "hashes": [{"alg": "SHA-256", "content": "ab" * 32}],
        "licenses": [{"expression": "MIT"}],
        "purl": "pkg:pypi/attrs@26.1.0",
    }
    assert sbom.text(found) == sbom.text(sbom.of_wheels(reversed(WHEELS), "0.1.0", AT))


def test_an_image_has_the_package_and_debian_s_beside_each_other() -> None:
    package = sbom.of_wheels(WHEELS, "0.1.0", AT)
    dpkg = "libc6\t2.41-12\tglibc\t2.41-12\tamd64\nreleve\t0.1.0+deb13\treleve\t0.1.0+deb13\tamd64\nzstd\t1:2.0+b1\tzstd\t1:2.0\tall\n"
    found = sbom.of_image(package, dpkg, "0.1.0", AT)
    assert [one["bom-ref"] for one in found["components"]] == [
        "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13",
        "pkg:deb/debian/zstd@1:2.0%2Bb1?arch=all&distro=debian-13",
        "pkg:generic/releve@0.1.0",
        "pkg:pypi/attrs@26.1.0",
        "pkg:pypi/yarl@1.25.1",
    ]
    named = {one["bom-ref"] for one in found["components"]} | {found["metadata"]["component"]["bom-ref"]}
    assert {ref for one in found["dependencies"] for ref in (one["ref"], *one["dependsOn"])} == named


def test_a_line_that_is_no_package_is_refused() -> None:
    with pytest.raises(ValueError, match=r"packages, line 1: .* are expected, not 'libc6'"):
        sbom.of_image(sbom.of_wheels((), "0.1.0", AT), "libc6\n", "0.1.0", AT)
