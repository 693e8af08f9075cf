r"""What the product is made of, as CycloneDX 1.6: the wheels of a package, and for the image the Debian packages beside them.

    python -m tools.sbom IMAGE_VERSION AT PACKAGE_SBOM DPKG_LIST > image.sbom.cdx.json

`AT` is the time of the commit, in seconds. DPKG_LIST is what `dpkg-query -W -f '${Package}\t${Version}\t${source:Package}\t
${source:Version}\t${Architecture}\n'` prints, a line a package.
"""

import json
import sys
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools.wheels import Wheel

Document = dict[str, Any]  # JSON

PRODUCT = "releve"
DISTRIBUTION = "debian-13"  # what the image is made from


def of_wheels(wheels: Iterable[Wheel], version: str, at: int) -> Document:
    """The product and the wheels that it brings."""
    components = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{wheel.name}@{quote(wheel.version)}",
            "name": wheel.name,
            "version": wheel.version,
            "hashes": [{"alg": "SHA-256", "content": wheel.sha256}],
            "licenses": [{"expression": wheel.licence}],
            "purl": f"pkg:pypi/{wheel.name}@{quote(wheel.version)}",
        }
        for wheel in wheels
    ]
    main = {
        "type": "application",
        "bom-ref": f"pkg:generic/{PRODUCT}@{quote(version)}",
        "name": PRODUCT,
        "version": version,
        "licenses": [{"expression": "Apache-2.0"}],
        "purl": f"pkg:generic/{PRODUCT}@{quote(version)}",
    }
    return _document(main, components, [_depends(main, components)], at)


def of_image(package: Document, dpkg: str, version: str, at: int) -> Document:
    """The image: the package's own document, and each Debian package of the list. ValueError: a line that is none of its lines."""
    product = package["metadata"]["component"]
    debian = [
        _debian(line, number) for number, line in enumerate(dpkg.splitlines(), 1) if line.split("\t")[0] != PRODUCT
    ]
    main = {"type": "operating-system", "bom-ref": f"image:{version}", "name": f"{PRODUCT}-image", "version": version}
    depends = [_depends(main, [product, *debian]), *package["dependencies"]]
    return _document(main, [product, *package["components"], *debian], depends, at)


def text(document: Document) -> str:
    """The same bytes for the same document."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _debian(line: str, number: int) -> Document:
    fields = line.split("\t")
    if len(fields) != 5 or not all(fields):
        raise ValueError(
            f"packages, line {number}: package, version, source, its version, architecture are expected, not {line!r}"
        )
    name, version, source, source_version, arch = fields
    purl = f"pkg:deb/debian/{name}@{quote(version, safe=':')}?arch={arch}&distro={DISTRIBUTION}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "properties": [{"name": "debian:source", "value": f"{source} {source_version}"}],
    }


def _depends(main: Document, components: Iterable[Document]) -> Document:
    return {"ref": main["bom-ref"], "dependsOn": sorted(component["bom-ref"] for component in components)}


def _document(main: Document, components: list[Document], dependencies: list[Document], at: int) -> Document:
    listed = sorted(components, key=lambda component: str(component["bom-ref"]))
    content: Document = {
        "metadata": {"timestamp": f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}", "component": main},
        "components": listed,
        "dependencies": dependencies,
    }
    serial = uuid.uuid5(uuid.NAMESPACE_OID, text(content))  # the same content, the same document
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        **content,
    }


def main(version: str, at: str, package: str, dpkg: str) -> None:
    document = of_image(json.loads(Path(package).read_text()), Path(dpkg).read_text(), version, int(at))
    sys.stdout.write(text(document))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
