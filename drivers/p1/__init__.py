"""Electricity meters by their P1 port (DSMR 2.2 to 5, e-MUCS), and the gas, water and heat meters on their M-Bus."""

from drivers.p1.framing import Framer
from drivers.p1.line import Line
from drivers.p1.telegram import decode

__all__ = ["Framer", "Line", "decode"]
