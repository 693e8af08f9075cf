"""The box as a device of a Cozy, against the double."""

import logging
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.way import Form
from sync.cozy.device import Device, origin
from sync.model import Trouble, Why
from sync.net import Net
from tests.cozy import Cozy
from tests.cozy_access import CODE_S, PENDING_S
from tests.sync.owner import Owner, day, midnight, target

ENERGY = ("maison:EAST:0", "electricity", "Wh")
PARCEL = day(midnight(2026, 9, 3), lambda at: str(at // 60), ENERGY)


async def put(address: str, owner: Owner) -> None:
    async with target(address, owner, Form.DOCUMENTS) as there:
        await there.open()
        await there.put([PARCEL])


async def refused(address: str, owner: Owner) -> Trouble:
    with pytest.raises(Trouble) as caught:
        await put(address, owner)
    for secret in ("secret", "registration", "access", "refresh", "verifier", "state"):
        assert owner.kept.get(secret, "-not kept-") not in caught.value.detail
    return caught.value


async def test_the_owner_says_yes_once_and_the_device_asks_for_no_more_than_it_needs(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    await put(address, owner)
    await put(address, owner)
    assert len(owner.links) == 1
    asked = parse_qs(urlsplit(owner.links[0]).query)
    assert asked["scope"] == ["github.releve.timeseries:GET,POST"]
    assert asked["code_challenge_method"] == ["S256"]
    (client,) = cozy.clients.values()
    assert client.fields["client_name"] == "Relevé"
    assert not client.pending
    assert client.synchronized == 2
    assert set(owner.kept) == {"client", "secret", "registration", "since", "access", "refresh"}


async def test_a_token_that_is_over_is_renewed_and_the_refresh_token_kept(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    await put(address, owner)
    before = dict(owner.kept)
    cozy.expire()
    await put(address, owner)
    assert owner.kept["access"] != before["access"]
    assert owner.kept["refresh"] == before["refresh"]
    assert len(cozy.documents("github.releve.timeseries")) == 1


async def test_a_token_that_ends_between_two_requests_of_one_batch_loses_nothing(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    async with target(address, owner, Form.DOCUMENTS) as there:
        await there.open()
        ask = there._device._once

        async def ends_before_writing(method: str, path: str, *rest: object) -> object:
            if path.endswith("_bulk_docs") and cozy.asked[-1][1].endswith("_all_docs"):
                cozy.expire()
            return await ask(method, path, *rest)  # type: ignore[arg-type]  # handed on as it came

        there._device._once = ends_before_writing  # type: ignore[method-assign,assignment]  # a clock that jumps
        await there.put([PARCEL])
    assert [document["period"] for document in cozy.documents("github.releve.timeseries")] == [PARCEL.period]
    assert sum(path.endswith("access_token") for _, path in cozy.asked) == 2


async def test_a_device_that_was_disconnected_in_the_settings_has_ended(cozy: Cozy, address: str, owner: Owner) -> None:
    await put(address, owner)
    cozy.revoke()
    assert (await refused(address, owner)).why is Why.ENDED
    async with target(address, owner, Form.DOCUMENTS) as there:
        await there.leave()  # gone already is well


async def test_leaving_takes_the_device_out_of_the_settings_and_leaves_what_was_written(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    await put(address, owner)
    async with target(address, owner, Form.DOCUMENTS) as there:
        await there.leave()
        await there.leave()
    assert cozy.clients == {}
    assert len(cozy.documents("github.releve.timeseries")) == 1


async def test_who_was_never_let_in_leaves_too(cozy: Cozy, address: str, owner: Owner) -> None:
    async with target(address, owner, Form.DOCUMENTS) as there:
        await there.leave()
    assert cozy.asked == []
    owner.change = lambda brought: {"error": "access_denied"}
    assert (await refused(address, owner)).why is Why.REFUSED
    async with target(address, owner, Form.DOCUMENTS) as there:
        await there.leave()
    assert cozy.clients == {}


async def test_a_state_of_another_try_lets_nobody_in(cozy: Cozy, address: str, owner: Owner) -> None:
    owner.change = lambda brought: {**brought, "state": "!" + brought["state"][1:]}  # no sign of any state
    trouble = await refused(address, owner)
    assert trouble.why is Why.WAITING
    assert not any(path.endswith("access_token") for _, path in cozy.asked)
    owner.change = dict
    await put(address, owner)
    assert owner.links[0] == owner.links[1]


async def test_a_code_that_comes_too_late_asks_its_owner_once_more(cozy: Cozy, address: str, owner: Owner) -> None:
    def late(brought: dict[str, str]) -> dict[str, str]:
        cozy.now += CODE_S + 1
        return brought

    owner.change = late
    assert (await refused(address, owner)).why is Why.WAITING
    owner.change = dict
    await put(address, owner)
    assert owner.links[0] != owner.links[1]
    assert [client.fields["client_name"] for client in cozy.clients.values()] == ["Relevé"]


async def test_a_device_that_nobody_let_in_for_an_hour_is_registered_again(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    def much_later(brought: dict[str, str]) -> dict[str, str]:
        cozy.now += PENDING_S + 1
        return brought

    owner.change = much_later
    assert (await refused(address, owner)).why is Why.WAITING
    owner.change = dict
    await put(address, owner)
    assert [client.fields["client_name"] for client in cozy.clients.values()] == ["Relevé"]


async def test_a_process_that_was_killed_while_it_waited_goes_on_with_the_same_link(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    def nobody(brought: dict[str, str]) -> dict[str, str]:
        raise Trouble(Why.WAITING, "nobody said yes at the target")

    owner.change = nobody
    trouble = await refused(address, owner)
    assert trouble.why is Why.WAITING
    assert "too many devices" in trouble.detail
    owner.change = dict
    await put(address, owner)
    assert owner.links[0] == owner.links[1]
    assert len(cozy.clients) == 1


async def test_a_cozy_that_does_not_note_the_time_of_a_sync_gets_nothing_twice(
    cozy: Cozy, address: str, owner: Owner
) -> None:
    async with target(address, owner, Form.DOCUMENTS) as there:
        await there.open()
        cozy.answers_left = 2  # what is there, and the writing; the third is the time
        (done,) = await there.put([PARCEL])
    assert done.answer == "201 Created"
    assert cozy.asked[-1] == ("POST", "/settings/synchronized")


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (402, Why.REFUSED),
        (403, Why.REFUSED),
        (410, Why.MOVED),
        (413, Why.FULL),
        (429, Why.BUSY),
        (500, Why.UNREACHABLE),
        (302, Why.MOVED),
    ],
)
async def test_each_refusal_is_a_sentence_of_its_own(
    cozy: Cozy, address: str, owner: Owner, status: int, why: Why
) -> None:
    await put(address, owner)
    cozy.statuses.append(status)
    assert (await refused(address, owner)).why is why
    await put(address, owner)
    assert len(cozy.documents("github.releve.timeseries")) == 1


async def test_a_page_where_json_is_expected_is_odd(cozy: Cozy, address: str, owner: Owner) -> None:
    await put(address, owner)
    cozy.statuses.append(200)
    assert (await refused(address, owner)).why is Why.ODD


async def test_a_full_cozy_is_full_and_takes_the_rest_later(cozy: Cozy, address: str, owner: Owner) -> None:
    cozy.full = True
    assert (await refused(address, owner)).why is Why.FULL
    cozy.full = False
    await put(address, owner)
    assert len(cozy.documents("github.releve.timeseries")) == 1


async def test_no_secret_is_in_a_log_or_a_repr(
    cozy: Cozy, address: str, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await put(address, owner)
    cozy.expire()
    await put(address, owner)
    async with Net("127.0.0.1", at_home=True) as net:
        said = repr(Device(net, address, "x", owner.kept, owner)) + caplog.text
    for name in ("secret", "registration", "access", "refresh"):
        assert owner.kept[name] not in said


@pytest.mark.parametrize(
    "address",
    ["ada.mycozy.cloud", "https://", "https://ada:pass@mycozy.cloud", "ftp://ada.mycozy.cloud", "https://a:x"],
)
def test_what_is_no_address_of_a_cozy_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(Trouble) as caught:
        origin(address)
    assert caught.value.why is Why.ODD
    assert "pass" not in caught.value.detail


def test_an_address_may_be_of_any_page_of_the_cozy() -> None:
    assert origin("https://ada.mycozy.cloud/#/folder") == "https://ada.mycozy.cloud"
