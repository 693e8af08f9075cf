"""The numbers of the forms in which this program keeps a house: an update that changes one cannot be gone back from as it stands.

`python -m gateway.schemas` prints them as JSON, for root's part of a box.
"""

import json
import sys
from collections.abc import Mapping

from gateway import catalog, holders, keys, ledger
from gateway.store import schema


def numbers() -> Mapping[str, int]:
    """By the name of the file that has it."""
    return {
        "series": len(schema.MIGRATIONS),
        "ledger": ledger.SCHEMA_VERSION,
        "holders": holders.SCHEMA_VERSION,
        "catalog": catalog.VERSION,
        "keys": keys.VERSION,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(numbers()) + "\n")
