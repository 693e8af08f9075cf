"""The list of what is inside, for whoever must know which fault elsewhere is ours too: CycloneDX 1.6, as JSON.

Format: ECMA-424, the JSON schema `bom-1.6`. The wheels are told by pip's report of their installation, which has the hash of
each, and Debian's packages by dpkg.
"""

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.metadata import Distribution, PackageMetadata, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

FORMAT, EDITION = "CycloneDX", "1.6"
# What makers write in the free field for a licence, as SPDX names it.
SPDX = {
    "Apache 2": "Apache-2.0", "Apache 2.0": "Apache-2.0", "Apache-2.0": "Apache-2.0", "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0", "BSD": "BSD-3-Clause", "BSD License": "BSD-3-Clause", "BSD-3-Clause": "BSD-3-Clause",
    "MIT": "MIT", "MIT License": "MIT", "PSF-2.0": "PSF-2.0", "Python Software Foundation License": "PSF-2.0",
}  # fmt: skip
LICENCE_CHARACTERS_MAX = 80
Component = dict[str, Any]


def of_wheels(report: Mapping[str, Any], site: Path) -> list[Component]:
    """What lies in the folder `site`, with the hashes that `pip install --report` wrote of it."""
    hashes = {
        _simple(each["metadata"]["name"]): each["download_info"]["archive_info"]["hashes"]["sha256"]
        for each in report["install"]
    }
    found = distributions(path=[str(site)])
    return [_wheel(each, hashes[_simple(each.name)]) for each in found if _simple(each.name) in hashes]


def of_packages(lines: Iterable[str], suite: str) -> list[Component]:
    r"""From `dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n'`."""
    found = []
    for line in lines:
        name, version, arch, source, source_version = line.rstrip("\n").split("\t")
        purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={arch}&distro={suite}"
        made_from = [
            {"name": "debian:source", "value": source},
            {"name": "debian:source-version", "value": source_version},
        ]
        found.append(_component(name, version, purl, properties=made_from))
    return found


def document(name: str, version: str, made: datetime, components: Iterable[Component]) -> str:
    """The whole file. The same content has the same bytes, its serial number among them."""
    sorted_by_place = sorted(components, key=lambda component: component["bom-ref"])
    product = {"type": "application", "bom-ref": f"{name}@{version}", "name": name, "version": version}
    body = {
        "metadata": {
            "timestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {**product, "licenses": [{"license": {"id": "Apache-2.0"}}]},
        },
        "components": sorted_by_place,
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    head = {"bomFormat": FORMAT, "specVersion": EDITION, "serialNumber": f"urn:uuid:{serial}", "version": 1}
    return json.dumps({**head, **body}, ensure_ascii=False, indent=1) + "\n"


def components(text: str) -> list[Component]:
    """What a document of ours lists."""
    found: list[Component] = json.loads(text)["components"]
    return found


def _component(name: str, version: str, purl: str, **more: Any) -> Component:
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, **more}


def _simple(name: str) -> str:
    """As PyPI has a name in its addresses (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _wheel(installed: Distribution, sha256: str) -> Component:
    purl = f"pkg:pypi/{_simple(installed.name)}@{quote(installed.version)}"
    hashes = [{"alg": "SHA-256", "content": sha256}]
    return _component(installed.name, installed.version, purl, hashes=hashes, licenses=_licences(installed.metadata))


def _licences(metadata: PackageMetadata) -> list[dict[str, Any]]:
    """Core metadata's License-Expression (PEP 639); before, a free text, and before that a classifier."""
    if expression := metadata["License-Expression"]:
        return [{"expression": expression}]
    said = metadata["License"] or ""
    if not said or "\n" in said or len(said) > LICENCE_CHARACTERS_MAX:  # the whole text of it
        classifiers = (each.split(" :: ") for each in metadata.get_all("Classifier") or ())
        said = next((each[-1] for each in classifiers if each[0] == "License"), "")
    if said in SPDX:
        return [{"license": {"id": SPDX[said]}}]
    return [{"license": {"name": said}}] if said else []
