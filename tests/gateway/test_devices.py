"""What pages add: kept, asked at once, taken away, and never in the way of the file. Places, and who stands there."""

import asyncio
import errno
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from drivers.model import Address, Medium, Quantity, Reading, State, Telegram
from gateway import catalog, installed, lines
from gateway.config import ConfigError, extend, parse
from gateway.house import House
from gateway.ports.lan import AwayError
from tests.house import Clock, house, lines_of

BUS = """
[[port]]
name = "bus"
protocol = "modbus"
tcp = "127.0.0.1:1"

[[meter]]
name = "Chaudière"
port = "bus"
unit = 1
model = "eastron_sdm120"
"""
SECOND = {"name": "Piscine", "port": "bus", "unit": 2, "model": "eastron_sdm120"}
OTHER_PORT = {"name": "garage", "protocol": "modbus", "tcp": "127.0.0.1:2"}
OTHER_METER = {"name": "Borne", "port": "garage", "unit": 5, "model": "eastron_sdm630"}


async def test_a_meter_added_on_a_page_is_ours_at_once_and_after_a_restart(tmp_path: Path) -> None:
    with house(tmp_path, BUS) as home:
        async with lines_of(home):
            before = home.running.port("bus")
            await home.devices.install(ports=[OTHER_PORT], meters=[SECOND, OTHER_METER])
            assert home.running.port("garage") is not None
            assert home.running.port("bus") is before  # it asks another meter now, on the line that is open
            assert home.meter("modbus:bus/2") is not None
            assert "garage" in home.collect.ports
    with house(tmp_path, BUS) as home:
        assert [port.name for port in home.config.ports] == ["bus", "garage"]
        assert [meter.name for meter in home.config.meters] == ["Chaudière", "Piscine", "Borne"]
        assert home.devices.faults == ()


async def test_what_does_not_fit_is_refused_by_name_and_nothing_is_kept(tmp_path: Path) -> None:
    with house(tmp_path, BUS) as home:
        with pytest.raises(ConfigError, match="'Chaudière' is already meter"):
            await home.devices.install(ports=[OTHER_PORT], meters=[{**SECOND, "name": "Chaudière"}])
        with pytest.raises(ConfigError, match=r"meter\[1\].port: no \[\[port\]\] has the name 'nowhere'"):
            await home.devices.install(meters=[{**SECOND, "port": "nowhere"}])
        assert installed.names(home.catalog, "port") == ()
        assert len(home.config.meters) == 1


async def test_a_file_that_took_the_place_meanwhile_has_it_and_the_page_is_told(tmp_path: Path) -> None:
    with house(tmp_path, BUS) as home:
        await home.devices.install(meters=[SECOND])
    with house(tmp_path, BUS.replace("unit = 1", "unit = 2")) as home:
        assert [meter.name for meter in home.config.meters] == ["Chaudière"]
        (fault,) = home.devices.faults
        assert fault == "Piscine, added on a page, is asked no longer: the file names Chaudière at its place"


async def test_a_file_that_took_the_name_meanwhile_has_it_and_gives_it_back(tmp_path: Path) -> None:
    with house(tmp_path, BUS) as home:
        await home.devices.install(meters=[SECOND])
    with house(tmp_path, BUS.replace("Chaudière", "Piscine")) as home:
        assert [meter.address for meter in home.config.meters] == ["modbus:bus/1"]
        (fault,) = home.devices.faults
        assert fault.startswith("Piscine, added on a page, is not in use: meter[2].name: 'Piscine' is already")
    with house(tmp_path, BUS) as home:
        assert [meter.name for meter in home.config.meters] == ["Chaudière", "Piscine"]


async def test_what_a_page_added_can_be_taken_away_and_nothing_else(tmp_path: Path) -> None:
    with house(tmp_path, BUS) as home:
        await home.devices.install(ports=[OTHER_PORT], meters=[SECOND, OTHER_METER])
        async with lines_of(home):
            await home.devices.uninstall(ports=["garage"], meters=["Borne"])
            assert home.running.port("garage") is None
            assert "garage" not in home.collect.ports
            with pytest.raises(LookupError, match="Chaudière: not added on a page"):
                await home.devices.uninstall(meters=["Chaudière"])
        assert [point.name for point in home.catalog.points()] == ["Chaudière", "Piscine", "Borne"]  # with all it said
    with house(tmp_path, BUS) as home:
        assert [meter.name for meter in home.config.meters] == ["Chaudière", "Piscine"]


async def test_a_heat_meter_that_is_asked_by_modbus_is_no_electricity_meter(tmp_path: Path) -> None:
    heat = BUS + '[[meter]]\nname = "Chauffage"\nport = "bus"\nunit = 7\nmodel = "kamstrup_multical_403"\n'
    with house(tmp_path, heat) as home:
        assert [point.medium for point in home.catalog.points()] == [Medium.ELECTRICITY, Medium.HEAT]


# -- whose place it is ------------------------------------------------------------------------------------------------
PLACE = "modbus:bus/2"


def say(home: House, wh: int, address: str = PLACE) -> None:
    """The meter at this place says its index."""
    protocol, _, id_ = address.partition(":")
    reading = Reading("import_energy", Quantity.ENERGY, Decimal(wh), main=True)
    telegram = Telegram(Address(protocol, id_), State.DECODED, Medium.ELECTRICITY, (reading,))
    home.collect.telegram("bus", lambda: telegram)


def indexes(home: House) -> dict[str, int | None]:
    """What each metering point counted, in Wh, by its id."""
    return {
        view.point.id: None if view.index is None or view.index.value is None else int(view.index.value)
        for view in home.points()
    }


async def test_a_meter_that_comes_to_the_place_of_one_that_was_let_go_goes_not_on_in_its_series(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, BUS, clock) as home:
        await home.devices.install(meters=[SECOND])
        say(home, 500_000)
        await home.devices.uninstall(meters=["Piscine"])
        clock.at += 3600
        say(home, 500_100)  # a reply that was under way
        before = home.devices.stood_at(PLACE)
        assert before is not None
        assert before.name == "Piscine"
        await home.devices.install(meters=[{**SECOND, "name": "Garage"}])
        say(home, 900_000)
        assert indexes(home) == {"chaudiere": None, "piscine": 500_000, "garage": 900_000}
        assert home.points()[1].state == "let-go"
    with house(tmp_path, BUS, clock) as home:
        assert indexes(home) == {"chaudiere": None, "piscine": 500_000, "garage": 900_000}


async def test_the_same_meter_goes_on_where_somebody_says_that_it_is_the_same(tmp_path: Path) -> None:
    clock = Clock()
    with house(tmp_path, BUS, clock) as home:
        await home.devices.install(meters=[SECOND])
        say(home, 500_000)
        await home.devices.uninstall(meters=["Piscine"])
        clock.at += 3600
        await home.devices.install(meters=[{**SECOND, "name": "Bassin"}], same=True)
        say(home, 500_100)
        assert indexes(home) == {"chaudiere": None, "piscine": 500_100}
        assert home.points()[1].point.name == "Bassin"


async def test_the_meter_of_a_file_that_names_it_no_longer_is_another_one_than_a_pages(tmp_path: Path) -> None:
    named = BUS + '[[meter]]\nname = "Piscine"\nport = "bus"\nunit = 2\nmodel = "eastron_sdm120"\n'
    with house(tmp_path, named) as home:
        say(home, 500_000)
    with house(tmp_path, BUS) as home:
        await home.devices.install(meters=[{**SECOND, "name": "Garage"}])
        say(home, 20)
        assert indexes(home) == {"chaudiere": None, "piscine": 500_000, "garage": 20}


@pytest.mark.parametrize(
    ("address", "is_place"),
    [
        ("modbus:bus/2", True),
        ("mbus:7", True),
        ("thing:generic/jardin/pompe", True),
        ("mbus:12345678", False),
        ("mbus:KAM-12345678-1b-04", False),
        ("thing:shelly/shellypro3em-08f9e0e5c0a8/em:0", False),
    ],
)
def test_an_address_that_says_which_meter_it_is_is_no_place(tmp_path: Path, address: str, *, is_place: bool) -> None:
    with house(tmp_path) as home:
        home.catalog.adopt(address, "Un", Medium.OTHER, 1)
        assert (home.devices.stood_at(address) is not None) is is_place


# -- a card that refuses ----------------------------------------------------------------------------------------------
@pytest.fixture
def full_card(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def fill() -> None:
        def refuse(*args: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(catalog, "replace", refuse)

    return fill


async def test_a_card_that_refuses_what_is_added_keeps_none_of_it(
    tmp_path: Path, full_card: Callable[[], None]
) -> None:
    with house(tmp_path, BUS) as home:
        async with lines_of(home):
            full_card()
            with pytest.raises(OSError, match="No space left"):
                await home.devices.install(ports=[OTHER_PORT], meters=[OTHER_METER], passwords={"garage": "secret"})
            assert home.running.port("garage") is None
        assert home.catalog.password("garage") is None
        assert [port.name for port in home.config.ports] == ["bus"]
        assert home.catalog.meter("modbus:garage/5") is None


async def test_a_card_that_refuses_to_let_go_leaves_all_as_it_was(
    tmp_path: Path, full_card: Callable[[], None]
) -> None:
    with house(tmp_path, BUS) as home:
        async with lines_of(home):
            await home.devices.install(ports=[OTHER_PORT], meters=[OTHER_METER], passwords={"garage": "secret"})
            full_card()
            with pytest.raises(OSError, match="No space left"):
                await home.devices.uninstall(ports=["garage"], meters=["Borne"])
            assert home.running.port("garage") is not None
        assert home.catalog.password("garage") == "secret"
        assert [port.name for port in home.config.ports] == ["bus", "garage"]
        assert home.catalog.meter("modbus:garage/5") is not None


# -- what an update, two clicks, and a name that moves do -------------------------------------------------------------
async def test_a_meter_whose_model_is_no_longer_known_is_left_out_and_said(tmp_path: Path) -> None:
    with house(tmp_path, BUS) as home:
        gone = {**SECOND, "model": "some_older_meter"}
        home.catalog.set_setting(installed.SETTING, {"port": [], "meter": [gone]})
    with house(tmp_path, BUS) as home:
        assert [meter.name for meter in home.config.meters] == ["Chaudière"]
        (fault,) = home.devices.faults
        assert fault.startswith("Piscine, added on a page, is not in use: meter[1].model: one of ")
        with pytest.raises(ConfigError, match="model"):
            await home.devices.install(meters=[gone])


async def test_two_changes_at_once_run_a_port_once(tmp_path: Path) -> None:
    broker = {"name": "broker", "protocol": "mqtt", "mqtt": "127.0.0.1:1", "topic": "#"}
    value = {"path": "/now", "quantity": "power", "unit": "W", "main": True}
    mapped = [
        {"name": name, "port": "broker", "topic": name, "medium": "electricity", "values": [value]} for name in "ab"
    ]
    with house(tmp_path) as home:
        async with lines_of(home):
            await home.devices.install(ports=[broker])
            await asyncio.gather(*(home.devices.install(meters=[meter]) for meter in mapped))
            assert [task.get_name() for task in asyncio.all_tasks()].count("port broker") == 1
            await home.devices.uninstall(ports=["broker"], meters=["a", "b"])
            assert "port broker" not in [task.get_name() for task in asyncio.all_tasks()]


@pytest.mark.parametrize(
    "words",
    [
        {"protocol": "modbus", "tcp": "box.example:502"},
        {"protocol": "modbus", "tcp": "box.example:502", "framing": "rtu"},
        {"protocol": "mbus", "tcp": "box.example:502"},
        {"protocol": "mbus", "tcp": "box.example:502", "listen": True},
        {"protocol": "tic", "tcp": "box.example:502"},
        {"protocol": "mqtt", "mqtt": "box.example:1883", "topic": "#"},
        {"protocol": "mqtt", "mqtt": "box.example:8883", "topic": "#", "tls": True},
        {"protocol": "wmbus", "mqtt": "box.example:1883", "topic": "radio"},
        {"protocol": "shelly", "tcp": "box.example:80"},
    ],
)
@pytest.mark.parametrize("where", ["page", "file"])
async def test_a_line_whose_name_moves_away_from_home_is_asked_no_longer(
    where: str, words: dict[str, object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []

    async def somewhere(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        return [(0, 0, 0, "", ("203.0.113.7", port))]  # RFC 5737

    table = {"name": "far", **words}
    if where == "page":
        config = extend(parse("", "test.toml"), {"port": [table]})
    else:
        lines_of_file = (f"{word} = {json.dumps(value)}\n" for word, value in table.items())
        config = parse("[[port]]\n" + "".join(lines_of_file), "test.toml")
    with house(tmp_path) as home:
        port = lines.open_port(config.ports[0], (), home.collect)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", somewhere)
        with pytest.raises(AwayError, match=r"203\.0\.113\.7 lies beyond the home's network"):
            await port.run()
    assert asked == ["box.example"]


# -- what is not in use -----------------------------------------------------------------------------------------------
NEW_METER = {"name": "Neuf", "port": "bus", "unit": 2, "model": "eastron_sdm120"}
OLD_METER = {"name": "Ancien", "port": "bus", "unit": 2, "model": "some_older_meter"}
GARAGE = '\n[[port]]\nname = "garage"\nprotocol = "modbus"\ntcp = "127.0.0.1:9"\n'


async def test_a_meter_does_not_move_to_another_line_of_the_name_of_its_own(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        await home.devices.install(ports=[OTHER_PORT], meters=[OTHER_METER])
    with house(tmp_path, GARAGE) as home:
        assert home.config.meters == ()
        assert [fault.partition(":")[0] for fault in home.devices.faults] == [
            "garage, added on a page, is not in use",
            "Borne, added on a page, is not in use",
        ]
    with house(tmp_path) as home:  # the file was put right again
        assert [meter.name for meter in home.config.meters] == ["Borne"]


async def test_what_is_not_in_use_does_not_come_back_to_a_place_that_was_taken(tmp_path: Path) -> None:
    with house(tmp_path, BUS) as home:
        home.catalog.set_setting(installed.SETTING, {"port": [], "meter": [OLD_METER]})
    with house(tmp_path, BUS) as home:
        await home.devices.install(meters=[NEW_METER])
        assert home.devices.added("meter") == ("Neuf",)
    with house(tmp_path, BUS) as home:
        assert [meter.name for meter in home.config.meters] == ["Chaudière", "Neuf"]
        assert home.devices.faults == ()


async def test_a_port_that_is_let_go_takes_its_meters_along_those_not_in_use_too(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        await home.devices.install(ports=[OTHER_PORT], meters=[OTHER_METER])
        kept = {"port": [OTHER_PORT], "meter": [{**OTHER_METER, "model": "some_older_meter"}]}
        home.catalog.set_setting(installed.SETTING, kept)
    with house(tmp_path) as home:
        assert home.config.meters == ()
        await home.devices.uninstall(ports=["garage"])
        assert home.devices.added("meter") == ()
        assert home.catalog.meter("modbus:garage/5") is None
        assert [view.state for view in home.points()] == ["let-go"]


async def test_a_port_of_the_name_of_one_that_is_not_in_use_has_none_of_its_meters(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        broken = {"name": "garage", "protocol": "a word of an older program"}
        home.catalog.set_setting(installed.SETTING, {"port": [broken], "meter": [OTHER_METER]})
    with house(tmp_path) as home:
        await home.devices.install(ports=[OTHER_PORT])
    with house(tmp_path) as home:
        assert [port.name for port in home.config.ports] == ["garage"]
        assert home.config.meters == ()
        assert home.devices.faults == ()


@pytest.mark.parametrize(("name", "goes_on"), [("Piscine", True), ("Pompe", False)])
async def test_a_meter_that_moves_from_a_page_to_the_file_goes_on_under_its_name_alone(
    tmp_path: Path, name: str, *, goes_on: bool
) -> None:
    with house(tmp_path, BUS) as home:
        await home.devices.install(meters=[SECOND])
        say(home, 500_000)
    named = BUS + f'[[meter]]\nname = "{name}"\nport = "bus"\nunit = 2\nmodel = "eastron_sdm120"\n'
    for start in range(2):
        with house(tmp_path, named) as home:
            assert (home.devices.faults == ()) is (goes_on or start == 1)
            assert home.devices.added("meter") == ()
            expected = {"chaudiere": None, "piscine": 500_000} | ({} if goes_on else {"pompe": None})
            assert indexes(home) == expected
