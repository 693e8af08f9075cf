import io
import json
from typing import Any

from drivers.encode.tic import frame, with_parity
from drivers.tic.labels import Mode
from gateway.decode.tic import run


def printed(stream: bytes) -> list[dict[str, Any]]:
    out = io.StringIO()
    run(io.BytesIO(stream), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


SHORT = frame([("ADSC", "041875000042"), ("DATE", "", "H260120180003"), ("EAST", "000000123")], Mode.STANDARD)


def test_each_frame_is_one_object_with_its_groups_as_sent() -> None:
    historique = frame([("ADCO", "041875000042"), ("PTEC", "HP..")], Mode.HISTORIQUE)
    assert printed(SHORT + historique) == [
        {
            "mode": "standard",
            "groups": {
                "ADSC": {"value": "041875000042", "horodate": None},
                "DATE": {"value": "", "horodate": "H260120180003"},
                "EAST": {"value": "000000123", "horodate": None},
            },
            "bad_groups": 0,
        },
        {
            "mode": "historique",
            "groups": {
                "ADCO": {"value": "041875000042", "horodate": None},
                "PTEC": {"value": "HP..", "horodate": None},
            },
            "bad_groups": 0,
        },
    ]


def test_a_frame_without_address_loses_no_group() -> None:
    rows = printed(SHORT[SHORT.index(b"\nDATE") + 3 :])
    assert [(list(row["groups"]), row["bad_groups"]) for row in rows] == [(["EAST"], 1)]


def test_no_group_hides_one_of_the_same_label_before_it() -> None:
    east = frame([("EAST", "000000001"), ("EAST", "000000002")], Mode.STANDARD)[1:-1]
    rows = printed(east + b"junk")
    assert [row["groups"]["EAST"]["value"] for row in rows] == ["000000001", "000000002"]
    assert [row["bad_groups"] for row in rows] == [0, 1]


def test_noise_is_counted_once_and_has_no_mode() -> None:
    assert printed(b"\xf8" * 10_000) == [{"mode": None, "groups": {}, "bad_groups": 1}]


def test_a_raw_capture_of_an_8n1_line_reads_the_same() -> None:
    assert printed(with_parity(SHORT * 3)) == printed(SHORT * 3)


def test_an_empty_stream_prints_nothing() -> None:
    assert printed(b"") == []
