"""The series: kept, folded and asked."""

from gateway.store.check import Findings
from gateway.store.model import (
    Columns,
    Consumption,
    Counts,
    Imported,
    Indexes,
    InUseError,
    Points,
    SeriesInfo,
    StoreError,
    Swap,
)
from gateway.store.salvage import Salvaged, salvage
from gateway.store.store import Store

__all__ = [
    "Columns",
    "Consumption",
    "Counts",
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
    "salvage",
]
