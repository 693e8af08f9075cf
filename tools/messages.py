"""Bring the catalogues of `webui/locale` up to date with the sentences in code and templates.

Sentences stand in `webui`, and as phrases in drivers and the gateway: what `releve analyze` says is also on a page.

`python tools/messages.py` rewrites them and names what has no translation yet (exit 1 while something has none).
"""

import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from gateway.importers.holders.found import Left, Why
from gateway.importers.holders.kinds import KINDS

ROOT = Path(__file__).resolve().parents[1]
WEBUI = ROOT / "webui"
KEYWORDS = {"_": None, "_n": (1, 2), "say": None, "say_n": (1, 2), "mark": None}
PHRASES = {"phrase": None}
# What the readers of companies' files say of them, beside what stands in `webui` itself.
IMPORTERS = "gateway/importers/holders"
METHODS = [("templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]

HEADER = """msgid ""
msgstr ""
"Language: {language}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: {plurals}\\n"

"""


def extracted() -> Catalog:
    """Every sentence of the code and the templates, with the files it stands in."""
    found = Catalog(project="releve", charset="utf-8")
    options = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}
    for name, _line, message, _comments, _context in sorted(
        extract_from_dir(WEBUI, METHODS, options, KEYWORDS), key=lambda each: (each[0], each[1])
    ):
        found.add(message, locations=[(name, 0)])
    for folder in ("drivers", "gateway"):
        for name, _line, message, _comments, _context in sorted(
            extract_from_dir(ROOT / folder, [("**.py", "python")], {}, PHRASES), key=lambda each: (each[0], each[1])
        ):
            found.add(message, locations=[(f"{folder}/{name}", 0)])
    for message in (*(kind.title for kind in KINDS), *Why, *Left):
        found.add(str(message), locations=[(IMPORTERS, 0)])
    return found


def updated(path: Path, source: Catalog) -> Catalog:
    language = path.parents[1].name
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language)
    catalogue.update(source, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return catalogue


def written(catalogue: Catalog) -> bytes:
    """The file's bytes. Its header says no dates and no names: a catalogue changes when a sentence does."""
    text = BytesIO()
    write_po(text, catalogue, width=120, include_lineno=False, omit_header=True)
    header = HEADER.format(language=catalogue.locale, plurals=catalogue.plural_forms)
    return header.encode() + text.getvalue()


def untranslated(catalogue: Catalog) -> list[str]:
    return [str(message.id) for message in catalogue if message.id and not all(texts(message.string))]


def texts(string: str | Sequence[str] | None) -> Sequence[str]:
    return (string or "",) if isinstance(string, str) or string is None else string


def main() -> int:
    source = extracted()
    missing = 0
    for path in sorted((WEBUI / "locale").glob("*/LC_MESSAGES/releve.po")):
        catalogue = updated(path, source)
        path.write_bytes(written(catalogue))
        for message in untranslated(catalogue):
            missing += 1
            sys.stdout.write(f"{path.parents[1].name}: not translated: {message}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
