import io
import json

from drivers.encode import mbus as encode
from drivers.encode import records
from gateway.decode.mbus import run

ANSWER = encode.answer(
    encode.identity("12345678", "REL", 1, 7), records.volume(612_483) + records.flow_temperature(-15)
)


def answers(*lines: str) -> list[dict[str, object]]:
    out = io.StringIO()
    run(io.StringIO("\n".join(lines)), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_frame_is_answered_with_its_meter_and_its_readings() -> None:
    (answer,) = answers(json.dumps({"frame": ANSWER.hex()}))
    assert (answer["state"], answer["error"], answer["status"]) == ("decoded", None, [])
    assert answer["meter"] == {"id": "12345678", "manufacturer": "REL", "version": 1, "medium": "water"}
    rest = {"storage": 0, "tariff": 0, "subunit": 0, "function": "instantaneous"}
    assert answer["readings"] == [
        {"name": "volume", "quantity": "volume", "unit": "L", "value": "612483", **rest},
        {"name": "flow_temperature", "quantity": "temperature", "unit": "°C", "value": "-1.5", **rest},
    ]


def test_every_line_has_its_answer_in_order_whatever_it_holds() -> None:
    lines = ["{}", "[]", "nonsense", '{"frame": "6g"}', '{"frame": "68"}', json.dumps({"frame": ANSWER.hex()})]
    said = answers(*lines)
    assert [answer["state"] for answer in said] == ["invalid"] * 5 + ["decoded"]
    assert all(answer["error"] and answer["readings"] == [] for answer in said[:5])


def test_a_key_that_is_no_key_is_refused_and_not_repeated() -> None:
    (answer,) = answers(json.dumps({"frame": ANSWER.hex(), "key": "secret"}))
    assert answer["state"] == "invalid"
    assert "secret" not in str(answer["error"])
