"""LiXee's ZLinky_TIC through Zigbee2MQTT: its exposes are named by the labels of the TIC, in both modes.

The labels' meaning is that of drivers/tic; units are those that the inventory states (kWh since 2022, Wh before).
"""

from collections.abc import Mapping

from drivers.model import Kind, Quantity
from drivers.mqtt.units import TEXT, Meant, Said, meant
from drivers.tic.labels import HISTORIQUE, STANDARD

MODEL = "ZLinky_TIC"
LABELS = {label.name: label for label in (*HISTORIQUE, *STANDARD) if label.quantity is not None}
# Its Zigbee attributes say so until the meter was read: fairecasoimeme/Zlinky_TIC, issue 353.
NOT_READ_YET: tuple[object, ...] = (0xFFFF, 0xFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFF)
# What the first indexes of the historique mode are named by is the contract, and it is said beside them.
CONTRACTS = {"BASE": "BASE", "HC": "HC", "EJP": "EJP", "BBR": "BBR"}
OPTION = "current_tarif"
INDEXES = frozenset(label.name for label in HISTORIQUE if label.main and label.quantity is Quantity.ENERGY)


def meant_by(name: str, type_: object, unit: object) -> Meant | None:
    """What an expose of this name and unit is; None where its unit is not that of the label."""
    label = LABELS.get(name)
    if label is None:
        return None
    if label.quantity is Quantity.TEXT:
        return TEXT if type_ in {"text", "enum"} else None
    what = meant(unit) if type_ == "numeric" else None
    return what if what is not None and what.quantity is label.quantity else None


def read(said: Said, stated: Mapping[str, tuple[Meant, object]], values: Mapping[str, object]) -> None:
    """The readings of one message, by label."""
    option = values.get(OPTION)
    contract = next((each for each in CONTRACTS if isinstance(option, str) and option.startswith(each)), None)
    for name, (what, value) in stated.items():
        label = LABELS[name]
        if name in INDEXES and (contract is None or not name.startswith(CONTRACTS[contract])):
            continue  # the same attribute has another label in each contract, and BASE is then a sum of some of them
        if value in NOT_READ_YET or (what.quantity.kind is Kind.INDEX and value == 0):
            continue
        said.add(name, what, value, main=label.main, tariff=label.tariff, function=label.function)
