"""Linky and older French electricity meters, by their customer port (télé-information client), both modes.

Enedis-NOI-CPT_54E v3 (Linky), ERDF-NOI-CPT_02E v4 (older meters).
"""

from drivers.tic.framing import Framer
from drivers.tic.line import Line
from drivers.tic.telegram import decode

__all__ = ["Framer", "Line", "decode"]
