"""The pieces of a house as files: four CSV tables in a folder, or one JSON document (docs/export.md)."""

from __future__ import annotations

import csv
import io
import json
from bisect import bisect_left, bisect_right
from decimal import Decimal
from typing import Any, TextIO

from drivers.model import Quantity
from gateway.export import Pieces
from gateway.export_walk import Done, Progress, Walk, Wanted
from gateway.importers.rows import TEXT_CHARACTERS_MAX
from gateway.periods import Shape

FORMAT = 1

READINGS, SWAPS, FILES, METERS = "readings.csv", "swaps.csv", "files.csv", "meters.csv"
TABLES = {
    READINGS: "time,local,point,medium,meter,register,tariff,unit,value,main",
    SWAPS: "time,local,point,meter,register,tariff,unit,old_final,new_start,made_at,taken_back",
    FILES: "start,end,local_start,local_end,point,holder,register,tariff,what,given,unit,value,import,brought_in_at",
    METERS: "point,id,medium,meter,since",
}


def write_csv(ask: Pieces, wanted: Wanted, out: dict[str, TextIO], progress: Progress) -> Done:
    """Each of TABLES to its stream; readings.csv is what `releve import` takes. Trouble for a point that there is not."""
    walk = Walk(ask, wanted, progress)
    for name, columns in TABLES.items():
        out[name].write(columns + "\n")
    for point in walk.points:
        for meter in point["meters"] or [None]:
            who = (meter["address"], walk.moments(meter["since"])[0]) if meter else ("", "")
            out[METERS].write(_line(walk.name(point["id"]), point["id"], point["medium"], *who))
    for series in walk.series:
        _readings(walk, series, out[READINGS])
        for swap in series["swaps"]:
            if walk.start <= swap["at"] < walk.end:
                walk.done.swaps += 1
                made_at, _ = walk.moments(swap["made_at"])
                out[SWAPS].write(
                    _line(
                        *walk.moments(swap["at"]), walk.name(series["point"]), series["meter"], series["register"],
                        series["tariff"], series["unit"], walk.said(series, swap["old_final"]),
                        walk.said(series, swap["new_start"]), made_at, _yes(swap["taken_back"]),
                    )
                )  # fmt: skip
    for part in walk.files:
        brought_in_at, _ = walk.moments(part["made_at"])
        unit, exponent = _unit(part), part["exponent"]
        for start, end, value in walk.periods(part):
            (start_utc, start_local), (end_utc, end_local) = walk.moments(start), walk.moments(end)
            out[FILES].write(
                _line(
                    start_utc, end_utc, start_local, end_local, walk.name(part["point"]), part["holder"], part["register"],
                    part["tariff"], part["shape"], _yes(part["given"]), unit, f"{Decimal(value).scaleb(exponent):f}",
                    part["import"], brought_in_at,
                )
            )  # fmt: skip
    return walk.done


def write_json(ask: Pieces, wanted: Wanted, out: TextIO, progress: Progress) -> Done:
    """One document as docs/export.schema.json says, a reading a line. Trouble for a point that there is not."""
    walk = Walk(ask, wanted, progress)
    about = {
        "format": FORMAT,
        "made_at": walk.moments(walk.about["made_at"])[0],
        "dwelling": walk.about["dwelling"],
        "time_zone": walk.about["time_zone"],
        "from": wanted.first and wanted.first.isoformat(),
        "to": wanted.last and wanted.last.isoformat(),
        "points": [
            {**point, "meters": [{**meter, "since": walk.moments(meter["since"])[0]} for meter in point["meters"]]}
            for point in walk.points
        ],
    }
    out.write(_open_end(about) + ',\n"series": [')
    for place, series in enumerate(walk.series):
        swaps = [
            {
                "time": walk.moments(swap["at"])[0],
                "old_final": walk.said(series, swap["old_final"]),
                "new_start": walk.said(series, swap["new_start"]),
                "made_at": walk.moments(swap["made_at"])[0],
                "taken_back": swap["taken_back"],
            }
            for swap in series["swaps"]
            if walk.start <= swap["at"] < walk.end
        ]
        walk.done.swaps += len(swaps)
        head = {name: series[name] for name in ("series", "point", "meter", "register", "tariff", "unit", "main")}
        out.write(",\n" * (place > 0) + _open_end({**head, "swaps": swaps}) + ',\n"readings": [')
        between = "\n"
        for ats, values in walk.spans(series):
            for (utc, local), value in zip(map(walk.moments, ats), values, strict=True):
                out.write(f'{between}["{utc}","{local}","{value}"]')
                between = ",\n"
        out.write("]}")
    out.write('],\n"files": [')
    for place, part in enumerate(walk.files):
        said = {
            **{name: part[name] for name in ("import", "point", "holder", "register", "tariff")},
            "brought_in_at": walk.moments(part["made_at"])[0],
            "what": part["shape"],
            "given": bool(part["given"]),
            "unit": _unit(part),
        }
        out.write(",\n" * (place > 0) + _open_end(said) + ',\n"periods": [')
        between = "\n"
        for start, end, amount in walk.periods(part):
            (first, _), (last, _) = walk.moments(start), walk.moments(end)
            out.write(f'{between}["{first}","{last}","{Decimal(amount).scaleb(part["exponent"]):f}"]')
            between = ",\n"
        out.write("]}")
    out.write(f'],\n"damaged_days": {walk.done.damaged}}}\n')
    return walk.done


def _readings(walk: Walk, series: dict[str, Any], out: TextIO) -> None:
    """The rows of a series. Where a swap stands the meter has another name before it, and one row more.

    That row says, at the time of the first one after the swap, what the meter would then show had there been none, so
    that the import counts on as the swap does (docs/import.md).
    """
    swaps = [swap for swap in series["swaps"] if not swap["taken_back"]]
    befores = [f" until {walk.moments(swap['at'])[0]}" for swap in swaps]
    room = TEXT_CHARACTERS_MAX - max(map(len, befores), default=0)
    heads = [
        _line(
            walk.name(series["point"]), walk.medium(series["point"]), series["meter"][:room] + before, series["register"],
            series["tariff"], series["unit"],
        ).rstrip("\n")
        for before in (*befores, "")
    ]  # fmt: skip
    shifts = [
        Decimal(walk.said(series, swap["old_final"])) - Decimal(walk.said(series, swap["new_start"])) for swap in swaps
    ]
    main, moments = _yes(series["main"]), walk.moments
    number = bisect_left([swap["at"] for swap in swaps], walk.start)
    last = None
    for ats, values in walk.spans(series):
        begin = 0
        while begin < len(ats):
            passed = bisect_right([swap["at"] for swap in swaps], ats[begin])
            if passed > number:
                shown = Decimal(values[begin]) + sum(shifts[number:passed])
                if last is None or shown >= Decimal(last):
                    utc, local = moments(ats[begin])
                    out.write(f"{utc},{local},{heads[number]},{shown:f},{main}\n")
                else:  # the import would refuse a row that runs backwards
                    walk.done.unsaid += passed - number
                number = passed
            finish = bisect_left(ats, swaps[number]["at"], begin) if number < len(swaps) else len(ats)
            head = heads[number]
            out.writelines(
                f"{utc},{local},{head},{value},{main}\n"
                for (utc, local), value in zip(map(moments, ats[begin:finish]), values[begin:finish], strict=True)
            )
            last = values[finish - 1]
            begin = finish
    walk.done.unsaid += sum(swap["at"] < walk.end for swap in swaps[number:])


def _unit(part: dict[str, Any]) -> str:
    """The unit of a company's values: a mean power is kept as what it comes to in an hour."""
    unit = Quantity[part["quantity"]].unit
    if part["shape"] != Shape.POWER:
        return unit
    return "W" if unit == "Wh" else f"{unit}/h"


def _line(*fields: object) -> str:
    """One line of CSV by RFC 4180."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


def _open_end(document: dict[str, Any]) -> str:
    """A JSON object to which more is to be added."""
    return json.dumps(document, ensure_ascii=False)[:-1]


def _yes(said: object) -> str:
    return "yes" if said else "no"
