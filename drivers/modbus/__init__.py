"""Modbus meters: register maps as data, the read planner, decoding. Read-only: function codes 3 and 4."""

from drivers.modbus import maps, sunspec
from drivers.modbus.decode import decode
from drivers.modbus.maps import MeterMap, models
from drivers.modbus.plan import Block, plan

__all__ = ["Block", "MeterMap", "decode", "known", "load", "models", "plan"]


def known() -> tuple[str, ...]:
    """What a configuration may name as a meter's model: the maps, and SunSpec, whose units say themselves what they are."""
    return (*models(), sunspec.MODEL)


def load(model: str) -> MeterMap:
    """The map of one meter; ValueError names the known ones."""
    return sunspec.UNKNOWN if model == sunspec.MODEL else maps.load(model)
