"""`releve decode p1` and `releve decode sml`, as docs/decode.md says."""

import io
import json
from typing import Any

import pytest

from drivers.encode import sml
from drivers.encode.p1 import Household, v5
from gateway.decode import ports


def answers(protocol: str, stream: bytes) -> list[dict[str, Any]]:
    out = io.StringIO()
    ports.run(protocol, io.BytesIO(stream), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_for_each_meter_of_a_telegram(home: Household) -> None:
    electricity, gas = answers("p1", v5(home))
    assert electricity["meter"] == {
        "id": "E0099000000000042",
        "manufacturer": "",
        "version": None,
        "medium": "electricity",
    }
    assert electricity["readings"][0] == {
        "name": "1.8.1",
        "quantity": "energy",
        "unit": "Wh",
        "value": "1234567",
        "storage": 0,
        "tariff": 1,
        "subunit": 0,
        "function": "instantaneous",
    }
    assert (gas["meter"]["medium"], gas["readings"][0]["value"]) == ("gas", "456789")


def test_a_line_for_a_file() -> None:
    (said,) = answers("sml", sml.household(sml.server("REL", 12_345_678), 1_000, 2, -345))
    assert said["meter"]["id"] == "1REL0012345678"
    assert {reading["name"]: reading["value"] for reading in said["readings"]}["16.7.0"] == "-345"


@pytest.mark.parametrize(("protocol", "of"), [("p1", "telegram"), ("sml", "file")])
def test_what_is_refused_is_a_line_that_says_why(protocol: str, of: str) -> None:
    (said,) = answers(protocol, b"x" * 1031)
    assert (said["state"], said["error"]) == ("invalid", f"{protocol}: 1024 bytes are no whole {of}")
