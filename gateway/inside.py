"""What is inside: the lists of software (SBOM, CycloneDX 1.6) that came with the package and the image, or what Python says is installed."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

FILE_BYTES_MAX = 20_000_000
LICENCE_CHARACTERS_MAX = 80  # of a licence that is named; some packages put the whole text there
CLASSIFIER = "License :: OSI Approved :: "
SPEC = "1.6"


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """One piece of software; `licence` is empty where it does not say."""

    name: str
    version: str
    licence: str


@dataclass(frozen=True, slots=True)
class Inside:
    """The parts by their names, and the file that says so. `of` is the version of what the list describes, empty where it is not said."""

    parts: tuple[Part, ...]
    file: bytes
    of: str


def listed(path: Path) -> Inside | None:
    """What a CycloneDX file lists; None where it is not there or is damaged."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        document = json.loads(data) if len(data) <= FILE_BYTES_MAX else None
        if not isinstance(document, dict) or document.get("bomFormat") != "CycloneDX":
            raise ValueError("it is no CycloneDX document")
        parts = sorted(_part(component) for component in document.get("components", ()))
        about = document.get("metadata", {}).get("component", {})
        return Inside(tuple(parts), data, str(about.get("version", "")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        log.warning("%s: the list of what is inside cannot be read: %s", path, error)
        return None


def installed(version: str) -> Inside:
    """What Python says is installed with this program, whose version is `version`."""
    found = {part.name.lower(): part for part in map(_of_distribution, distributions()) if part.name}
    parts = tuple(found[name] for name in sorted(found))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "releve", "version": version}},
        "components": [_component(part) for part in parts],
    }
    return Inside(parts, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode(), version)


def _part(component: dict[str, Any]) -> Part:
    licences = []
    for one in component.get("licenses", ()):
        named = one.get("license", {})
        licences.append(str(one.get("expression") or named.get("id") or named.get("name") or ""))
    return Part(str(component["name"]), str(component.get("version", "")), _short(", ".join(filter(None, licences))))


def _component(part: Part) -> dict[str, Any]:
    about: dict[str, Any] = {
        "type": "library",
        "name": part.name,
        "version": part.version,
        "purl": f"pkg:pypi/{part.name.lower().replace('_', '-')}@{part.version}",
    }
    if part.licence:
        about["licenses"] = [{"license": {"name": part.licence}}]
    return about


def _of_distribution(distribution: Distribution) -> Part:
    about = distribution.metadata
    return Part(about["Name"] or "", about["Version"] or "", _short(next(_licences(distribution), "")))


def _licences(distribution: Distribution) -> Iterator[str]:
    about = distribution.metadata
    yield from about.get_all("License-Expression") or ()
    classified = [
        one.removeprefix(CLASSIFIER) for one in about.get_all("Classifier") or () if one.startswith(CLASSIFIER)
    ]
    if classified:
        yield ", ".join(classified)
    for stated in about.get_all("License") or ():
        yield from stated.strip().splitlines()[:1]


def _short(licence: str) -> str:
    return licence if len(licence) <= LICENCE_CHARACTERS_MAX else licence[: LICENCE_CHARACTERS_MAX - 1] + "…"
