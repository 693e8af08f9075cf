"""The series: kept, folded and asked."""

from gateway.store.check import Findings
from gateway.store.model import (
    Columns,
    Consumption,
    Counts,
    DamagedStoreError,
    Imported,
    Indexes,
    InUseError,
    Points,
    SeriesInfo,
    StoreError,
    Swap,
    UnreadableError,
)
from gateway.store.queries import offsets
from gateway.store.salvage import Salvaged, begin_anew, salvage
from gateway.store.store import Store

__all__ = [
    "Columns",
    "Consumption",
    "Counts",
    "DamagedStoreError",
    "Findings",
    "Imported",
    "InUseError",
    "Indexes",
    "Points",
    "Salvaged",
    "SeriesInfo",
    "Store",
    "StoreError",
    "Swap",
    "UnreadableError",
    "begin_anew",
    "offsets",
    "salvage",
]
