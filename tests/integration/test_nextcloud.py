"""Nextcloud's login calls on a double (tests/nextcloud.py, which is no Nextcloud), its files on a real apache2 with mod_dav."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.way import Kind
from sync.model import Piece, Trouble, Why
from sync.net import Net
from sync.targets.nextcloud import Nextcloud
from tests.clouds import FOLDER, Apache, Owner, read, serving, valid, way
from tests.nextcloud import LOGIN_NAME, USER_ID, Double, doubled
from tests.parcels import day

PREFIX = "/nextcloud"
pytestmark = pytest.mark.timeout(60)


@asynccontextmanager
async def cloud() -> AsyncIterator[tuple[Double, Apache]]:
    """One address for both: apache2 keeps the files, and passes the login calls on to the double."""
    async with doubled(PREFIX) as double:
        passed = (f"{PREFIX}/index.php", f"{PREFIX}/ocs")
        more = "".join(f'ProxyPass "{path}" "http://127.0.0.1:{double.port}{path}"\n' for path in passed)
        with serving("apache2", f"{PREFIX}/remote.php/dav/files/{USER_ID}/", more) as server:
            assert isinstance(server, Apache)
            double.base = f"http://127.0.0.1:{server.port}{PREFIX}"
            double.issued = server.let_in
            server.let_in(None)
            yield double, server


def target(double: Double, owner: Owner, net: Net, *, flow_s: float = 10.0) -> Nextcloud:
    secrets = owner.kept[-1] if owner.kept else {}
    return Nextcloud(way(double.base, kind=Kind.NEXTCLOUD, user=""), secrets, owner, net, 0.02, flow_s)


async def let_in(double: Double, owner: Owner, net: Net) -> Nextcloud:
    made = target(double, owner, net)
    opening = asyncio.create_task(made.open())
    while not owner.shown:
        await asyncio.sleep(0.01)
    assert owner.shown[0].startswith(f"{double.base}/index.php/login/v2/flow/")
    double.say_yes()
    await opening
    return made


async def test_its_owner_lets_the_box_in_once_and_files_lie_in_the_folder_of_the_account() -> None:
    async with cloud() as (double, server), Net("127.0.0.1", at_home=True) as net:
        owner = Owner()
        made = await let_in(double, owner, net)
        assert owner.kept == [{"user": LOGIN_NAME, "password": next(iter(double.passwords))}]
        assert double.asked == ["Releve"]  # the name under which its owner finds the password there
        puts = await made.put([day(0), day(1)])
        again = target(double, owner, net)  # another process, with what was kept
        await again.open()
        puts[1:] = await again.put([day(1, revision=1)])
        lying = valid(server.files / FOLDER)
        assert [read(path) for path in lying.values()] == [day(0), day(1, revision=1)]
        assert len(owner.shown) == len(owner.kept) == 1
        days = day(0), day(1)
        await again.erase(
            [Piece(each.period, each.start, each.end, put.held) for each, put in zip(days, puts, strict=True)]
        )
        assert list(server.files.iterdir()) == []
        await again.leave()
        assert double.passwords == set()
        await again.leave()  # gone already is well
        with pytest.raises(Trouble) as trouble:
            await target(double, owner, net).open()
        assert trouble.value.why is Why.ENDED


async def test_an_access_that_its_owner_took_back_there_is_an_end_in_the_middle_too() -> None:
    async with cloud() as (double, server), Net("127.0.0.1", at_home=True) as net:
        owner = Owner()
        made = await let_in(double, owner, net)
        await made.put([day(0)])
        double.end()
        with pytest.raises(Trouble) as trouble:
            await made.put([day(1)])
        assert trouble.value.why is Why.ENDED
        assert owner.kept[0]["password"] not in str(trouble.value)
        assert list(valid(server.files / FOLDER)) == [day(0).period]
