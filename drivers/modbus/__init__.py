"""Modbus meters: register maps as data, the read planner, decoding. Read-only: function codes 3 and 4."""

from drivers.modbus.decode import decode
from drivers.modbus.maps import MeterMap, load, models
from drivers.modbus.plan import Block, plan

__all__ = ["Block", "MeterMap", "decode", "load", "models", "plan"]
