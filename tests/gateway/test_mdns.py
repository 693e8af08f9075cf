"""What the box says of itself on the LAN, without a network: the names and the addresses."""

from dataclasses import dataclass

import pytest

from gateway import mdns


@dataclass
class Ip:
    ip: object


@dataclass
class Adapter:
    ips: list[Ip]


@pytest.mark.parametrize("name", ["Maison", "M. Dupont", "é" * 80, "x" * 80, "🏠" * 80, " "])
def test_a_dwelling_of_any_name_fits_the_63_bytes_of_a_service_instance(name: str) -> None:
    label = mdns.instance(name)
    assert len(label.encode()) <= 63
    assert label.endswith("(Relevé)")


def test_loopback_and_self_assigned_addresses_are_not_announced() -> None:
    adapters = [Adapter([Ip("127.0.0.1"), Ip(("::1", 0, 0))]), Adapter([Ip("169.254.7.7"), Ip("192.168.1.20")])]
    assert mdns.addresses(adapters) == [bytes((192, 168, 1, 20))]


async def test_a_new_address_of_the_box_is_announced_instead_of_the_old_one() -> None:
    found = [[bytes((192, 168, 1, 20))], [bytes((192, 168, 1, 20))], [bytes((192, 168, 1, 77))]]

    async def sleep(_: float) -> None: ...

    with pytest.raises(OSError, match="address"):
        await mdns.until_moved(found.pop(0), lambda: found.pop(0), sleep)
    assert not found
