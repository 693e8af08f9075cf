"""What is told under a grant of messages: which services' stories, and in which language. As the grant says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.services.model import Service

# Beside services' stories: the sentences of a week.
WEEK = "week"
ABOUT = (*(str(service) for service in Service), WEEK)
LANGUAGES = ("fr", "en")
PAGE_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Telling:
    """`about`: words of services, and WEEK. `page` is the box's own address, as who gave it reached it."""

    about: tuple[str, ...]
    language: str
    page: str

    def check(self) -> None:
        """ValueError for what no form of ours lets through."""
        if not self.about or not set(self.about) <= set(ABOUT):
            raise ValueError(f"about: one or more of {', '.join(ABOUT)} are needed")
        if self.language not in LANGUAGES:
            raise ValueError(f"language: one of {', '.join(LANGUAGES)} is needed")
        if len(self.page) > PAGE_CHARACTERS_MAX or not self.page.isprintable():
            raise ValueError(f"page: at most {PAGE_CHARACTERS_MAX} characters are possible")

    def body(self) -> dict[str, object]:
        return {"about": list(self.about), "language": self.language, "page": self.page}

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "Telling":
        return cls(tuple(said["about"]), said["language"], said["page"])
