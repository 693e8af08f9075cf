"""The series: kept, folded and asked."""

from gateway.store.model import (
    Columns,
    Consumption,
    Counts,
    Imported,
    Indexes,
    Points,
    SeriesInfo,
    StoreError,
    Swap,
)
from gateway.store.store import Store

__all__ = [
    "Columns",
    "Consumption",
    "Counts",
    "Imported",
    "Indexes",
    "Points",
    "SeriesInfo",
    "Store",
    "StoreError",
    "Swap",
]
