"""Keys that makers set in all their meters until somebody sets another one, tried after the household's own key.

They are public: a telegram they open was secret to nobody.
"""

from dataclasses import dataclass

from drivers.wmbus.link import Identity, letters


@dataclass(frozen=True, slots=True)
class DefaultKey:
    manufacturers: frozenset[str]
    mode: int
    key: bytes
    source: str


DEFAULT_KEYS = (
    DefaultKey(
        frozenset({"DME", "EWT", "HYD", "SAP", "SPL"}),
        5,
        bytes.fromhex("51728910E66D83F851728910E66D83F8"),
        "Diehl, OMS meters as delivered: in the public sources of wmbusmeters; opens a Hydrus telegram published there",
    ),
)


def default_keys(meter: Identity, mode: int) -> tuple[bytes, ...]:
    maker = letters(meter.manufacturer)
    return tuple(each.key for each in DEFAULT_KEYS if each.mode == mode and maker in each.manufacturers)
