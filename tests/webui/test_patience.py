"""Guessing the password or the setup code: from one address or many, one after the other or at once."""

import asyncio

from tests.webui.home import Home, read
from tests.webui.test_access import PASSWORD, log_in, log_out_here, set_up
from webui.auth import ALL_PACE_S, ALL_TRIES_MAX, TRIES_FREE, WAIT_S_MAX, Patience


async def test_tries_sent_at_once_are_not_all_free(new_box: Home) -> None:
    await set_up(new_box)
    await log_out_here(new_box)
    form = read(await new_box.text("/login")).fields

    async def guess() -> int:
        async with new_box.client.post("/login", data={**form, "password": "wrong wrong"}) as answer:
            return answer.status

    answers = await asyncio.gather(*(guess() for _ in range(TRIES_FREE + 4)))
    assert answers.count(429) == 4


def test_many_addresses_together_have_little_more_patience_than_one() -> None:
    patience = Patience()
    looked_at = 0
    hours = 10
    for second in range(hours * 3600):  # a new address each second, as one machine on the network can have
        address = f"10.{second >> 16}.{second >> 8 & 255}.{second & 255}"
        if patience.wait_s(address, second) == 0:
            patience.failed(address, second)
            looked_at += 1
    assert looked_at <= ALL_TRIES_MAX + hours * 3600 / ALL_PACE_S + 1
    # Half of all codes at this pace: nobody waits that long beside a box that says a new code at each start.
    assert 10**8 / 2 / (looked_at / hours) > 10 * 365 * 24


def test_strangers_are_held_up_together_and_who_reads_the_box_already_is_not() -> None:
    patience = Patience()
    for host in range(ALL_TRIES_MAX):
        assert patience.wait_s("203.0.113.1", 0) == 0
        patience.failed(f"192.0.2.{host}", 0)
    assert patience.wait_s("203.0.113.1", 0) == ALL_PACE_S
    assert patience.wait_s("203.0.113.1", 0, known=True) == 0
    assert patience.wait_s("203.0.113.1", ALL_PACE_S) == 0


async def test_who_reads_the_box_already_is_not_locked_out_by_strangers(new_box: Home) -> None:
    await set_up(new_box)
    await log_out_here(new_box)
    for host in range(ALL_TRIES_MAX + 1):
        new_box.access.patience.failed(f"192.0.2.{host}", new_box.clock.at)
    assert await log_in(new_box, PASSWORD) == 200
    for session in await new_box.access.sessions():
        await new_box.access.end_session(session.id)
    for host in range(ALL_TRIES_MAX + 1):
        new_box.access.patience.failed(f"192.0.2.{host}", new_box.clock.at)
    await log_out_here(new_box)
    assert await log_in(new_box, PASSWORD) == 429


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    patience = Patience()
    for _ in range(40):
        patience.failed("192.0.2.1", 2_000_000_000.0)
    assert patience.wait_s("192.0.2.1", 1_800_000_000.0) <= WAIT_S_MAX
    assert patience.wait_s("192.0.2.1", 1_800_000_000.0 + WAIT_S_MAX) == 0
    assert patience.wait_s("192.0.2.2", 1_800_000_000.0 + 40 * ALL_PACE_S) == 0


async def test_of_two_first_visits_at_once_one_chooses_the_password(new_box: Home) -> None:
    form = read(await new_box.text("/setup")).fields

    async def choose(password: str) -> str:
        fields = {**form, "code": new_box.access.setup_code or "", "password": password, "again": password}
        async with new_box.client.post("/setup", data=fields, allow_redirects=False) as answer:
            return answer.headers["Location"]

    led_to = await asyncio.gather(choose("first password"), choose("second password"))
    assert list(led_to) == ["/", "/login"]
    assert len(await new_box.access.sessions()) == 1
    await log_out_here(new_box)
    assert await log_in(new_box, "second password") == 403
    assert await log_in(new_box, "first password") == 200


async def test_strangers_do_not_keep_the_household_from_changing_its_password(new_box: Home) -> None:
    await set_up(new_box)
    for host in range(ALL_TRIES_MAX):
        new_box.access.patience.failed(f"192.0.2.{host}", new_box.clock.at)
    form = read(await new_box.text("/settings")).fields
    fields = {"token": form["token"], "current": PASSWORD, "password": "battery staple", "again": "battery staple"}
    async with new_box.client.post("/settings/password", data=fields, allow_redirects=False) as answer:
        assert answer.status == 303
