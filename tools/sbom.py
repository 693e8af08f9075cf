"""The list of what is inside, for whoever must know which fault elsewhere is ours too: CycloneDX 1.6, as JSON.

Format: ECMA-424, the JSON schema `bom-1.6`. The wheels are told by pip's report of their installation, which has the hash of
each, and Debian's packages by dpkg.
"""

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

FORMAT, EDITION = "CycloneDX", "1.6"
# What makers write in the field for a licence, for those that are no SPDX identifier.
SPDX = {
    "Apache 2": "Apache-2.0", "Apache License 2.0": "Apache-2.0", "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause", "BSD License": "BSD-3-Clause", "MIT License": "MIT", "Python Software Foundation License": "PSF-2.0",
}  # fmt: skip
_SPDX_WORD = re.compile(r"[A-Za-z0-9.+-]+")
_SPDX_EXPRESSION = re.compile(r"\(?[A-Za-z0-9.+-]+\)?(?: (?:AND|OR|WITH) \(?[A-Za-z0-9.+-]+\)?)+")
Component = dict[str, Any]


def of_wheels(report: Mapping[str, Any]) -> list[Component]:
    """From what `pip install --report` wrote."""
    return [_wheel(each) for each in report["install"]]


def of_packages(lines: Iterable[str], suite: str) -> list[Component]:
    """From `dpkg-query -W -f '${Package}\\t${Version}\\t${Architecture}\\t${source:Package}\\t${source:Version}\\n'`."""
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


def _wheel(installed: Mapping[str, Any]) -> Component:
    metadata = installed["metadata"]
    name, version = metadata["name"], metadata["version"]
    purl = f"pkg:pypi/{quote(re.sub(r'[-_.]+', '-', name).lower())}@{quote(version)}"
    sha256 = installed["download_info"]["archive_info"]["hashes"]["sha256"]
    return _component(name, version, purl, hashes=[{"alg": "SHA-256", "content": sha256}], licenses=_licences(metadata))


def _licences(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    said = metadata.get("license_expression") or metadata.get("license") or ""
    if not said or "\n" in said or len(said) > 80:  # some makers put the whole text there
        said = next((line.split(" :: ")[-1] for line in metadata.get("classifier", ()) if line[:7] == "License"), "")
    said = SPDX.get(said, said)
    if _SPDX_EXPRESSION.fullmatch(said):
        return [{"expression": said}]
    if not said:
        return []
    known = _SPDX_WORD.fullmatch(said) and (said == "MIT" or "-" in said)
    return [{"license": {"id" if known else "name": said}}]
