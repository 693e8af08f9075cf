"""German electricity meters by their optical port (SML 1.03 and 1.04)."""

from drivers.sml.framing import Framer
from drivers.sml.telegram import decode

__all__ = ["Framer", "decode"]
