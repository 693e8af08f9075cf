"""What a Linky's words mean, as sentences: the tariff now and until when, tomorrow's colour, the cheap hours, the contract."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from markupsafe import Markup

from drivers.model import Medium, Quantity
from drivers.tic.meaning import (
    DAY_MINUTES,
    TEMPO_DAY_MINUTE,
    VOLTAGE_V_MAX,
    VOLTAGE_V_MIN,
    Colour,
    Contract,
    Meaning,
    Period,
)
from gateway.views import PointState, PointView
from webui import shown
from webui.page import joined
from webui.words import Words, mark

_PERIODS = {
    Period.OFF_PEAK: mark("off-peak hours"),
    Period.PEAK: mark("peak hours"),
    Period.NORMAL: mark("normal hours"),
    Period.MOBILE_PEAK: mark("mobile peak, the dearest hours"),
}
_DAYS = {Colour.BLUE: mark("blue day"), Colour.WHITE: mark("white day"), Colour.RED: mark("red day")}
# A shape beside the word, so that the colour alone never tells.
_SIGNS = {Colour.BLUE: "●", Colour.WHITE: "○", Colour.RED: "◆"}
_CONTRACTS = {
    Contract.BASE: mark("the same price at all hours (Base)"),
    Contract.OFF_PEAK: mark("peak and off-peak hours"),
    Contract.EJP: mark("EJP"),
    Contract.TEMPO: mark("Tempo"),
}


def now_said(words: Words, view: PointView, now: int) -> list[Markup]:
    """What matters at this hour; nothing when the meter does not speak, as it may be another hour by its clock."""
    meaning = view.meaning
    if meaning is None or view.state is not PointState.SPEAKING:
        return []
    local = words.local(now)
    minute = local.hour * 60 + local.minute
    return [
        *_tariff(words, meaning, minute),
        *_tomorrow(words, meaning, minute),
        *_peak(words, meaning),
        *_injecting(words, meaning),
        *_voltage(words, meaning),
    ]


def about(words: Words, view: PointView, now: int) -> list[Markup]:
    """What the meter says of itself and of its contract, beside what `now_said` says."""
    meaning = view.meaning
    if meaning is None:
        return []
    return [
        *_off_peak(words, meaning),
        *_contract(words, meaning),
        *_breaking(words, meaning),
        *(_contact(words, meaning) if view.state is PointState.SPEAKING else ()),
        *_counted(words, view, now),
    ]


def _tariff(words: Words, meaning: Meaning, minute: int) -> Iterator[Markup]:
    name = _tariff_name(words, meaning)
    if name is None:
        return
    until = meaning.until(minute)
    if until is None:
        yield words.say("Tariff now: %(tariff)s.", tariff=name)
    else:
        yield words.say("Tariff now: %(tariff)s, until %(time)s.", tariff=name, time=words.time(until))


def _tariff_name(words: Words, meaning: Meaning) -> Markup | None:
    """Nothing for a contract that has but one tariff."""
    if meaning.period is Period.ALL or meaning.contract is Contract.BASE:
        return None
    if meaning.period is not None and meaning.contract is not Contract.OWN:
        parts = [words.say(_PERIODS[meaning.period]), *([_day(words, meaning.today)] if meaning.today else [])]
        return Markup(", ").join(parts)
    if meaning.tariff is None:
        return words.say(_PERIODS[meaning.period]) if meaning.period is not None else None
    return words.say("“%(name)s”", name=meaning.tariff)


def _day(words: Words, colour: Colour) -> Markup:
    return Markup('<span class="nb"><i class="tempo {}" aria-hidden="true">{}</i> {}</span>').format(
        colour.value, _SIGNS[colour], words.say(_DAYS[colour])
    )


def _tomorrow(words: Words, meaning: Meaning, minute: int) -> Iterator[Markup]:
    """A Tempo day begins at six: before, the next one is this morning's."""
    if meaning.contract is not Contract.TEMPO:
        return
    time = words.time(TEMPO_DAY_MINUTE)
    if minute < TEMPO_DAY_MINUTE:
        if meaning.tomorrow is not None:
            yield words.say("This morning from %(time)s: %(day)s.", day=_day(words, meaning.tomorrow), time=time)
    elif meaning.tomorrow is None:
        yield words.say("The colour of tomorrow is not known yet.")
    else:
        yield words.say("Tomorrow: %(day)s, from %(time)s.", day=_day(words, meaning.tomorrow), time=time)


def _peak(words: Words, meaning: Meaning) -> Iterator[Markup]:
    """A Tempo meter counts its white and red days as mobile peaks: there the colour says it."""
    if meaning.contract is Contract.TEMPO:
        return
    if meaning.peak is not None and meaning.period is not Period.MOBILE_PEAK:
        yield words.say("A mobile peak runs now: these are the dearest hours.")
    if meaning.notice is None:
        return
    peak = next((peak for peak in meaning.peaks if peak.number == meaning.notice), None)
    if meaning.historique:
        yield words.say("A mobile peak, the dearest hours, begins in half an hour at most.")
    elif peak is None:
        yield words.say("A mobile peak, the dearest hours, is announced.")
    elif peak.end is None:
        yield words.say(
            "A mobile peak, the dearest hours, is announced: from %(begin)s.", begin=_moment(words, peak.begin)
        )
    else:
        yield words.say(
            "A mobile peak, the dearest hours, is announced: from %(begin)s to %(end)s.",
            begin=_moment(words, peak.begin),
            end=_moment(words, peak.end),
        )


def _moment(words: Words, local: str) -> Markup:
    at = datetime.fromisoformat(local)
    return words.say("%(day)s at %(time)s", day=words.day(at.date()), time=words.time(at.hour * 60 + at.minute))


def _injecting(words: Words, meaning: Meaning) -> Iterator[Markup]:
    if meaning.injected_va:
        amount = shown.amount(words, Quantity.APPARENT_POWER, Medium.ELECTRICITY, meaning.injected_va)
        yield words.say("The home gives %(amount)s to the network now.", amount=amount)


def _voltage(words: Words, meaning: Meaning) -> Iterator[Markup]:
    bounds = {"low": VOLTAGE_V_MIN, "high": VOLTAGE_V_MAX}
    high = [_volts(words, meaning, *out) for out in meaning.voltages_out if out[1] > VOLTAGE_V_MAX]
    low = [_volts(words, meaning, *out) for out in meaning.voltages_out if out[1] < VOLTAGE_V_MIN]
    if high:
        what = joined(words, high)
        yield words.say(
            "The network's voltage is too high: %(what)s; %(low)s to %(high)s V is allowed.", what=what, **bounds
        )
    if low:
        what = joined(words, low)
        yield words.say(
            "The network's voltage is too low: %(what)s; %(low)s to %(high)s V is allowed.", what=what, **bounds
        )


def _volts(words: Words, meaning: Meaning, phase: str, volts: Decimal) -> Markup:
    amount = shown.amount(words, Quantity.VOLTAGE, Medium.ELECTRICITY, volts)
    if meaning.phases == 1:
        return Markup("{}").format(amount)
    return words.say("%(amount)s on phase %(phase)s", amount=amount, phase=phase)


def _off_peak(words: Words, meaning: Meaning) -> Iterator[Markup]:
    if not meaning.off_peak:
        return
    spans = [
        words.say(
            "%(begin)s to %(end)s",
            begin=words.time(span.begin, short=True),
            end=words.time(span.end or DAY_MINUTES, short=True),
        )
        for span in meaning.off_peak
    ]
    hours = joined(words, spans)
    if meaning.tomorrow_only:
        yield words.say("Off-peak hours tomorrow: %(hours)s.", hours=hours)
    else:
        yield words.say("Off-peak hours: %(hours)s.", hours=hours)


def _contract(words: Words, meaning: Meaning) -> Iterator[Markup]:
    power = _kva(words, meaning.subscribed_va)
    if meaning.contract is Contract.OWN and meaning.calendar is not None:
        name = words.say("“%(name)s”", name=meaning.calendar)
    elif meaning.contract is Contract.BASE and meaning.historique:
        name = words.say("Base, or an offer that the meter has no word for in historique mode")
    elif meaning.contract in _CONTRACTS and meaning.contract is not None:
        name = words.say(_CONTRACTS[meaning.contract])
    else:
        name = Markup("")
    parts = [part for part in (name, power) if part]
    if parts:
        yield words.say("Contract: %(contract)s.", contract=Markup(", ").join(parts))


def _kva(words: Words, power_va: Decimal | None) -> Markup:
    if power_va is None:
        return Markup("")
    kva = power_va / 1000
    return Markup('<span class="nb">{} kVA</span>').format(words.number(kva, 0 if kva == int(kva) else 1))


def _breaking(words: Words, meaning: Meaning) -> Iterator[Markup]:
    subscribed, breaking = meaning.subscribed_va, meaning.breaking_va
    if subscribed is None or breaking is None or subscribed == breaking:
        return
    power = _kva(words, breaking)
    if breaking < subscribed:
        yield words.say(
            "The meter cuts the current above %(power)s already, less than the contract allows.", power=power
        )
    else:
        yield words.say("The meter cuts the current above %(power)s only, more than the contract allows.", power=power)


def _contact(words: Words, meaning: Meaning) -> Iterator[Markup]:
    if meaning.contact_closed:
        yield words.say("The contact for the water heater is closed: it may heat.")
    elif meaning.contact_closed is not None:
        yield words.say("The contact for the water heater is open: it does not heat.")


def _counted(words: Words, view: PointView, now: int) -> Iterator[Markup]:
    if view.mean is not None:
        amount = shown.amount(words, Quantity.POWER, Medium.ELECTRICITY, view.mean.value)
        yield words.say(
            "Mean power of the last period, up to %(time)s: %(amount)s.",
            amount=amount,
            time=words.moment(view.mean.at, now),
        )
    if view.injected is not None:
        amount = shown.amount(words, Quantity.ENERGY, Medium.ELECTRICITY, view.injected.value)
        yield words.say("Given to the network since the meter was put in: %(amount)s.", amount=amount)
