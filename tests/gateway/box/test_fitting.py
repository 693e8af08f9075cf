import json
from pathlib import Path

import pytest

from gateway.box import fitting
from gateway.box.fitting import Running
from gateway.box.update_file import Refused, head
from tests.gateway.box.making import PUBLIC, SYSTEM, app, update

RUNNING = Running("0.1.5", "0.1.0", "amd64", "3.13", {"series": 1, "ledger": 8})


def refused(data: bytes, running: Running = RUNNING) -> tuple[str, str]:
    import io

    try:
        fitting.check(head(io.BytesIO(data), (PUBLIC,)).manifest, running)
    except Refused as why:
        return why.code, str(why)
    return "", ""


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (app(), "", ""),
        (update(SYSTEM), "", ""),
        (update(SYSTEM, python="3.14"), "", ""),
        (app(arch="arm64"), "arch", "for arm64, and this box is amd64"),
        (app(version="0.1.5"), "same", "0.1.5"),
        (app(version="0.1.5.0"), "same", "0.1.5"),
        (app(version="0.1.4"), "downgrade", "older than 0.1.5"),
        (update(SYSTEM, version="0.1.4"), "downgrade", "older than 0.1.5"),
        (app(base="0.1.1"), "base", "needs system 0.1.1"),
        (app(python="3.14"), "python", "Python 3.14"),
        (app(schemas={"series": 1, "ledger": 7}), "schemas", "its ledger has form 8"),
        (app(schemas={"series": 2, "ledger": 9, "wells": 1}), "", ""),
        (app(schemas={}), "schemas", "its series"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(data: bytes, code: str, says: str) -> None:
    found = refused(data)
    assert found[0] == code
    assert says in found[1]


def test_an_image_says_its_version(tmp_path: Path) -> None:
    path = tmp_path / "image.json"
    assert fitting.system_version(path) is None
    for wrong in ("", "[]", "{}", '{"version": 3}', '{"version": "new"}', "[" * 50_000):
        path.write_text(wrong)
        assert fitting.system_version(path) is None
    path.write_text(json.dumps({"version": "0.1.0", "arch": "amd64"}))
    assert fitting.system_version(path) == "0.1.0"


def test_this_machine_is_of_a_kind_that_updates_are_made_for() -> None:
    assert fitting.arch() in {"amd64", "arm64"}
    assert fitting.python().startswith("3.")
