"""Records as a model means them, beside what the standard says: fields within numbers, dates, the maker's own bytes."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from drivers.meters import Model
from drivers.model import Function, Reading
from drivers.wmbus import history, makers
from drivers.wmbus.records import Records


def understood(read: Records, model: Model | None) -> Records:
    if model is not None and model.fields:
        read = replace(read, readings=read.readings + tuple(_fields(read, model)))
    return makers.tail(history.dated(read, model), model)


def _fields(read: Records, model: Model) -> Iterator[Reading]:
    for field in model.fields:
        for reading in read.readings:
            now = reading.storage == 0 and reading.function is Function.INSTANTANEOUS
            if now and reading.register == field.source and isinstance(reading.value, Decimal):
                yield Reading(field.name, field.quantity, field.value(int(reading.value)))
