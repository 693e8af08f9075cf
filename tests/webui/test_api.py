"""The JSON interface, and live values."""

import asyncio
import json

import pytest

from tests.webui.home import CLEAR, KEY, LOCKED, Home, at, speak, water_frame


async def test_every_answer_says_when_it_is_and_what_is_on_the_card(home: Home) -> None:
    for path in ("points", "heard", "ports", "health", "points/maison/consumption", "nowhere", "points/x/consumption"):
        async with home.client.get(f"/api/v1/{path}") as answer:
            data = await answer.json(content_type=None)
        assert data["now"] == home.clock.at, path
        assert data["saved_to"] == home.house.saved_to, path


async def test_numbers_are_decimal_strings_in_a_stated_unit(home: Home) -> None:
    point = (await home.json("/api/v1/points"))["points"][0]
    assert (point["id"], point["unit"], point["state"]) == ("maison", "Wh", "speaking")
    assert point["index"]["value"] == str(1_000_000 + 250 * 19_201)
    assert point["level"] == {
        "series": "maison:SINSTS:0",
        "quantity": "power",
        "unit": "W",
        "at": home.clock.at,
        "value": "640",
    }


async def test_a_day_in_hours_and_a_month_in_days(home: Home) -> None:
    data = await home.json("/api/v1/points/maison/consumption?from=2026-10-25&to=2026-10-26&step=hour")
    slots = data["consumption"]
    assert [slot["value"] for slot in slots] == ["500"] * 25  # the day the clocks go back
    data = await home.json("/api/v1/points/maison/consumption?from=2026-10-01&to=2026-11-01&step=day")
    slots = data["consumption"]
    assert [slot["value"] for slot in slots] == ["12000"] * 24 + ["12500"] + ["12000"] * 6
    data = await home.json("/api/v1/points/maison/consumption?from=2026-09-01&to=2026-11-01&step=month")
    assert [slot["from"] for slot in data["consumption"]] == [at(2026, 9, 1), at(2026, 10, 1)]


async def test_what_is_not_known_is_null_and_not_zero(home: Home) -> None:
    data = await home.json("/api/v1/points/maison/consumption?from=2024-01-01&to=2024-01-03&step=day")
    assert [slot["value"] for slot in data["consumption"]] == [None, None]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("step=week", "step: 30m, hour, day or month is needed, not 'week'"),
        ("from=yesterday", "from: UTC seconds or a date such as 2026-11-19 are needed, not 'yesterday'"),
        ("from=2026-11-18&to=2026-11-17", "to: a moment after from is needed"),
        ("from=2001-01-01&to=2026-01-01&step=30m", "17600 slots are possible in one answer; ask for a shorter span or a longer step"),
        ("from=1970-01-01", "from: 1970-01-01 is outside 2000 and next year"),
        ("to=2100-01-01", "to: 2100-01-01 is outside 2000 and next year"),
        ("from=1026-01-01&to=2026-01-01&step=day", "from: 1026-01-01 is outside 2000 and next year"),
        ("from=0001-01-01", "from: 0001-01-01 is outside 2000 and next year"),
        ("to=9999-12-31", "to: 9999-12-31 is outside 2000 and next year"),
        ("from=9223372036854775808", "from: UTC seconds or a date such as 2026-11-19 are needed, not '9223372036854775808'"),
        (f"from={'9' * 5000}", f"from: UTC seconds or a date such as 2026-11-19 are needed, not '{'9' * 40}'"),
        ("from=NaN", "from: UTC seconds or a date such as 2026-11-19 are needed, not 'NaN'"),
        ("to=Infinity", "to: UTC seconds or a date such as 2026-11-19 are needed, not 'Infinity'"),
        ("from=-1", "from: UTC seconds or a date such as 2026-11-19 are needed, not '-1'"),
    ],
)  # fmt: skip
async def test_a_wrong_request_is_told_what_is_needed(home: Home, query: str, said: str) -> None:
    async with home.client.get(f"/api/v1/points/maison/consumption?{query}") as answer:
        assert (answer.status, answer.content_type) == (400, "application/problem+json")
        assert (await answer.json(content_type=None))["detail"] == said


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("maison:SINSTS:0/curve?buckets=NaN", 400, "buckets: a whole number is needed, not 'NaN'"),
        ("maison:SINSTS:0/curve?buckets=9223372036854775808", 400, "buckets: a whole number is needed, not '9223372036854775808'"),
        (f"maison:SINSTS:0/curve?buckets={'9' * 5000}", 400, f"buckets: a whole number is needed, not '{'9' * 40}'"),
        ("maison:SINSTS:0/curve?buckets=2001", 400, "buckets: 1 to 2000 are possible, not 2001"),
        ("maison:SINSTS:0/curve?from=1026-01-01", 400, "from: 1026-01-01 is outside 2000 and next year"),
        ("maison:SINSTS:9/curve", 404, "there is no series maison:SINSTS:9"),
        ("maison:SINSTS:²/curve", 400, "series: point:register:tariff is needed, not 'maison:SINSTS:²'"),
        (f"maison:SINSTS:{'9' * 40}/curve", 400, f"series: point:register:tariff is needed, not 'maison:SINSTS:{'9' * 40}'"),
    ],
)  # fmt: skip
async def test_a_curve_that_cannot_be_is_told_why(home: Home, path: str, status: int, said: str) -> None:
    assert (await home.json(f"/api/v1/series/{path}", status=status))["detail"] == said


async def test_a_damaged_day_is_a_gap_the_rest_is_served_and_the_box_says_so(home: Home) -> None:
    ask = "/api/v1/series/maison:EAST:0/curve?from=2026-10-01&to=2026-10-11&buckets=2000"
    points = await home.json("/api/v1/points")
    amounts = await home.json("/api/v1/points/maison/consumption?from=2026-10-01&to=2026-10-11&step=day")
    whole = await home.json(ask)
    day = at(2026, 10, 5) // 86_400 + 1

    def harm() -> None:
        card = home.house.store._card
        (number,) = card.db.execute("SELECT id FROM series WHERE register='EAST'").fetchone()
        (blob,) = card.db.execute("SELECT b FROM chunk WHERE series=? AND day=?", (number, day)).fetchone()
        harmed = blob[:9] + bytes([blob[9] ^ 1]) + blob[10:]
        card.db.execute("UPDATE chunk SET b=? WHERE series=? AND day=?", (harmed, number, day))

    await home.house.store.run(harm)
    harmed_curve = await home.json(ask)
    assert harmed_curve["at"] == [moment for moment in whole["at"] if moment // 86_400 != day]
    assert await home.json("/api/v1/points/maison/consumption?from=2026-10-01&to=2026-10-11&step=day") == amounts
    assert await home.json("/api/v1/points") == points
    page = await home.text("/box?lang=en")
    assert "Missing readings" in page
    assert "releve check-store" in page


async def test_a_curve_has_its_lowest_mean_and_highest(home: Home) -> None:
    data = await home.json(
        f"/api/v1/series/maison:SINSTS:0/curve?from={home.clock.at - 3600}&to={home.clock.at + 1}&buckets=6"
    )
    assert set(data["mean"]) == set(data["low"]) == {"640"}
    assert (await home.json("/api/v1/series/maison:NONE:0/curve", status=404))[
        "detail"
    ] == "there is no series maison:NONE:0"
    await home.json("/api/v1/series/nonsense/curve", status=400)


async def test_a_program_takes_a_meter_as_the_home_s_own(home: Home) -> None:
    home.house.collect.frame("radio", water_frame(LOCKED, 84_120, KEY))
    assert [meter["encrypted"] for meter in (await home.json("/api/v1/heard"))["heard"]] == [True]
    wanted = {"address": str(LOCKED), "name": "Eau chaude", "key": KEY.hex()}
    async with home.client.post("/api/v1/adopt", json=wanted) as answer:
        data = await answer.json()
        assert (answer.status, data["state"], data["values"][0]["value"]) == (201, "decoded", "84120")
    async with home.client.post("/api/v1/adopt", json={**wanted, "address": str(CLEAR)}) as answer:
        assert answer.status == 422
    async with home.client.post("/api/v1/adopt", data=json.dumps(wanted)) as answer:
        assert answer.status == 415
    for body in ("[]", "{", '{"address": 1}'):
        async with home.client.post("/api/v1/adopt", data=body, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 400, body


async def test_a_method_that_is_not_offered_is_said_as_a_problem(home: Home) -> None:
    async with home.client.delete("/api/v1/points") as answer:
        assert (answer.status, answer.content_type) == (405, "application/problem+json")


async def test_live_values_arrive_with_their_unit_and_stop_with_the_listener(home: Home) -> None:
    async with home.client.get("/api/v1/live?lang=fr") as answer:
        assert answer.content_type == "text/event-stream"
        await answer.content.readuntil(b"\n\n")
        speak(home.house, home.clock)
        block = await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 5)
        while b"SINSTS" not in block:
            block = await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 5)
    lines = dict(line.split(": ", 1) for line in block.decode().strip().splitlines())
    data = json.loads(lines["data"])
    assert lines["event"] == "value"
    assert lines["id"].isdecimal()
    assert (data["series"], data["value"], data["unit"]) == ("maison:SINSTS:0", "640", "W")
    assert (data["number"], data["unit_shown"]) == ("640", "W")


async def test_health_is_public_and_says_nothing_of_the_home(new_box: Home) -> None:
    assert set(await new_box.json("/api/v1/health")) == {"now", "dating", "saved_to", "status"}
