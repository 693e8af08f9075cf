"""What a cubic metre of water costs this home: of its bill, or the mean in France until somebody says."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal

from gateway.house import House
from gateway.services.model import Service, Story
from webui.words import THIN, Words

PRICE = "price of water"  # the setting: euros a cubic metre, in digits
DEFAULT = Decimal("4.50")  # the mean in France, drinking water and sewage together, rounded
LEAST, MOST = Decimal("0.10"), Decimal(50)
_TYPED = re.compile(r"[0-9]{1,3}(?:[.,][0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class Price:
    """Euros a cubic metre; `is_own`: somebody who lives here typed it."""

    euros: Decimal
    is_own: bool


def price(house: House) -> Price:
    kept = house.catalog.setting(PRICE)
    own = parse_price(kept) if isinstance(kept, str) else None
    return Price(DEFAULT, is_own=False) if own is None else Price(own, is_own=True)


def parse_price(text: str) -> Decimal | None:
    """Euros as they are typed, with a comma or a point; None for what is no price of water."""
    digits = "".join(text.replace("€", "").split())
    if not _TYPED.fullmatch(digits):
        return None
    euros = Decimal(digits.replace(",", "."))
    return euros if LEAST <= euros <= MOST else None


def priced(story: Story, house: House) -> Story:
    """A story of cold water with what a cubic metre costs this home, for whoever says it (webui/stories.py)."""
    is_water = story.finding.service is Service.HABIT and "water_l_per_day" in story.finding.grounds
    if story.finding.service is not Service.LEAK and not is_water:
        return story
    grounds = {**story.finding.grounds, "price_per_m3": float(price(house).euros)}
    return replace(story, finding=replace(story.finding, grounds=grounds))


def money(words: Words, euros: Decimal, decimals: int = 2) -> str:
    number = words.number(euros, decimals)
    return f"€{number}" if words.language == "en" else f"{number}{THIN}€"
