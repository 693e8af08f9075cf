"""What a Linky's words mean, where a person looks: in plain sentences, and only while they hold."""

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from drivers.encode.tic import Colour, Contract, Linky, Stamped, historique_frame, standard_frame
from drivers.model import DecodeError, Frame
from drivers.tic import Framer
from drivers.tic.meaning import Contract as Found
from drivers.tic.meaning import Meaning, Peak, Period
from gateway.views import Hears, Listening
from tests import flips
from tests.webui.home import LINKY, NOW, PARIS, Home, read
from webui.linky import about, now_said
from webui.words import Words

FRENCH, ENGLISH = Words("fr", PARIS), Words("en", PARIS)
TEMPO = replace(flips.LINKY, address=LINKY.id, tomorrow=Colour.RED, subscribed_kva=9)
HC = replace(TEMPO, contract=Contract.HC, indexes_wh=(3_000_000, 2_800_250))
SOLAR = replace(HC, injected=flips.INJECTED)

Says = Callable[[Linky], bytes]


def hear(home: Home, meter: Linky, says: Says = standard_frame, at: int = NOW) -> None:
    home.clock.at = at
    for item in Framer().feed(says(replace(meter, at=datetime.fromtimestamp(at, UTC)))):
        assert isinstance(item, Frame)
        home.house.collect.frame("linky", item)


def sentences(home: Home, words: Words) -> list[str]:
    view = home.house.point("maison")
    assert view is not None
    now = home.clock.at
    return [str(sentence) for sentence in (*now_said(words, view, now), *about(words, view, now))]


async def test_the_tariff_in_force_tomorrow_s_colour_and_the_cheap_hours_are_plain_sentences(home: Home) -> None:
    hear(home, TEMPO)
    today = read(await home.text("/")).text
    assert "Tarif en cours : heures pleines, ● jour bleu, jusqu’à 22 h 00." in plain(today)
    assert "Demain : ◆ jour rouge, à partir de 6 h 00." in plain(today)
    meters = plain(read(await home.text("/meters")).text)
    assert "Heures creuses : 22 h à 6 h." in meters
    assert "Contrat : Tempo, 9 kVA." in meters
    assert "Le contact du chauffe-eau est ouvert : il ne chauffe pas." in meters
    assert "lien avec le gestionnaire de réseau (CPL) : nouveau, verrouillé" in meters
    english = plain(read(await home.text("/meters?lang=en")).text)
    assert "Tariff now: peak hours, ● blue day, until 22:00." in english
    assert "Tomorrow: ◆ red day, from 06:00." in english
    assert "Off-peak hours: 22:00 to 06:00." in english


def plain(text: str) -> str:
    return re.sub("[\u00a0\u202f]", " ", text)


async def test_historique_says_as_much_of_tempo_and_nothing_of_hours_that_it_does_not_know(home: Home) -> None:
    hear(home, TEMPO, historique_frame)
    assert plain(" ".join(sentences(home, FRENCH))).count("jour rouge") == 1
    hear(home, HC, historique_frame, NOW + 60)
    said = plain(" ".join(sentences(home, FRENCH)))
    assert "Tarif en cours : heures pleines." in said
    assert "Heures creuses :" not in said


async def test_before_six_the_next_tempo_day_is_this_morning_s(home: Home) -> None:
    hear(home, replace(TEMPO, tariff=1), at=NOW + 8 * 3600)
    said = [plain(re.sub("<[^>]*>", "", sentence)) for sentence in sentences(home, FRENCH)]
    assert said[:2] == [
        "Tarif en cours : heures creuses, ● jour bleu, jusqu’à 6 h 00.",
        "Ce matin à partir de 6 h 00 : ◆ jour rouge.",
    ]


async def test_a_colour_that_was_announced_for_yesterday_is_not_said_of_tomorrow(home: Home) -> None:
    hear(home, TEMPO, historique_frame)
    assert "colour_tomorrow" in (await texts(home))
    hear(home, replace(TEMPO, tomorrow=Colour.NOT_SAID), historique_frame, NOW + 2)
    assert "colour_tomorrow" not in (await texts(home))
    assert any("n’est pas encore connue" in sentence for sentence in sentences(home, FRENCH))


async def test_a_meter_that_fell_silent_does_not_go_on_saying_which_tariff_runs(home: Home) -> None:
    hear(home, HC)
    assert any("Tarif en cours" in sentence for sentence in sentences(home, FRENCH))
    home.clock.at += 86_400
    said = sentences(home, FRENCH)
    assert not any("Tarif en cours" in sentence or "chauffe-eau" in sentence for sentence in said)
    assert any("Heures creuses" in sentence for sentence in said), "these stay true"


async def test_a_word_the_meter_says_no_longer_is_over(home: Home) -> None:
    hear(home, TEMPO)
    assert (await texts(home))["STGE"]
    for seconds in (20, 40):
        hear(home, TEMPO, historique_frame, NOW + seconds)
    assert "STGE" not in (await texts(home))


async def texts(home: Home) -> dict[str, str]:
    (point,) = [point for point in (await home.json("/api/v1/points"))["points"] if point["id"] == "maison"]
    return dict(point["texts"])


async def test_the_api_says_the_meaning_beside_the_meter_s_own_words(home: Home) -> None:
    hear(home, TEMPO)
    said = await texts(home)
    assert said["LTARF"] == "HP BLEU"
    assert (said["contract"], said["tariff_period"], said["colour_today"], said["colour_tomorrow"]) == (
        "tempo", "peak", "blue", "red"
    )  # fmt: skip
    assert (said["off_peak_hours"], said["dry_contact"]) == ("22:00-06:00", "open")
    assert "supplier index 2" in said["status_register"]


async def test_what_a_producer_gives_is_said_now_today_and_in_all(home: Home) -> None:
    hear(home, SOLAR)
    later = replace(SOLAR, injected=replace(flips.INJECTED, index_wh=flips.INJECTED.index_wh + 1500))
    hear(home, later, at=NOW + 3600)
    today = plain(read(await home.text("/")).text)
    assert re.search(r"Donné au réseau aujourd’hui\s+1,5\s*kWh", today), today
    assert "En ce moment, la maison donne 900 VA au réseau." in today
    assert "Donné au réseau depuis la pose du compteur : 7 002 kWh." in plain(read(await home.text("/meters")).text)
    (point,) = [point for point in (await home.json("/api/v1/points"))["points"] if point["id"] == "maison"]
    assert (point["injected"]["series"], point["injected"]["value"]) == ("maison:EAIT:0", "7001507")


async def test_the_only_true_watts_are_said_with_their_own_time(home: Home) -> None:
    last = Stamped(850, datetime.fromtimestamp(NOW // 1800 * 1800, UTC))
    hear(home, replace(HC, curve_w=(last, last)))
    assert any("jusqu’à 18 h 30 : 850 W" in plain(sentence) for sentence in sentences(home, FRENCH))
    (point,) = [point for point in (await home.json("/api/v1/points"))["points"] if point["id"] == "maison"]
    assert (point["mean"]["series"], point["mean"]["at"]) == ("maison:CCASN:0", NOW // 1800 * 1800)


async def test_a_voltage_out_of_bounds_and_a_power_cut_below_the_contract_are_said(home: Home) -> None:
    hear(home, replace(HC, voltage_v=256, breaking_kva=3))
    said = plain(" ".join(sentences(home, FRENCH)))
    assert "La tension du réseau est trop haute : 256 V ; il est permis de 207 à 253 V." in said
    assert 'Le compteur coupe le courant dès <span class="nb">3 kVA</span>' in said
    hear(home, replace(HC, voltage_v=200, three_phase=True, breaking_kva=12), at=NOW + 2)
    said = plain(" ".join(sentences(home, FRENCH)))
    assert "trop basse : 200 V sur la phase 1, 200 V sur la phase 2 et 200 V sur la phase 3" in said
    assert "ne coupe le courant qu’au-dessus" in said


PEAK = Peak(1, "2026-01-20T06:00:00", "2026-01-21T01:30:00")


@pytest.mark.parametrize(
    ("meaning", "french"),
    [
        (Meaning(historique=True, notice=0), "commence dans une demi-heure au plus"),
        (Meaning(notice=1), "est annoncée."),
        (Meaning(notice=1, peaks=(PEAK,)), "du mardi 20 janvier à 6 h 00 au mercredi 21 janvier à 1 h 30."),
        (Meaning(notice=1, peaks=(replace(PEAK, end=None),)), "à partir du mardi 20 janvier à 6 h 00."),
        (Meaning(peak=1), "Une pointe mobile est en cours"),
        (Meaning(peak=1, period=Period.MOBILE_PEAK), "Tarif en cours : pointe mobile"),
        (Meaning(contract=Found.OWN, tariff="HEURE CREUSE", period=Period.OFF_PEAK), "Tarif en cours : « HEURE CREUSE »."),
        (Meaning(contract=Found.OWN, calendar="HC et Week-End"), "Contrat : « HC et Week-End »."),
        (Meaning(contract=Found.BASE, subscribed_va=Decimal(6000)), "Contrat : le même prix à toute heure (Base), "),
        (Meaning(contract=Found.BASE, historique=True), "une offre que le compteur ne sait pas nommer"),
        (Meaning(subscribed_va=Decimal(3400)), '>3,4 kVA</span>.'),
        (Meaning(contact_closed=True), "il peut chauffer"),
    ],
)  # fmt: skip
async def test_each_thing_a_meter_may_mean_has_its_sentence(home: Home, meaning: Meaning, french: str) -> None:
    hear(home, HC)
    view = home.house.point("maison")
    assert view is not None
    view = replace(view, meaning=meaning, mean=None)
    said = [*now_said(FRENCH, view, NOW), *about(FRENCH, view, NOW)]
    assert len(said) == 1
    assert french in plain(said[0])
    (english,) = [*now_said(ENGLISH, view, NOW), *about(ENGLISH, view, NOW)]
    assert english not in {"", said[0]}


async def test_a_tempo_meter_s_white_and_red_days_are_no_second_warning(home: Home) -> None:
    hear(home, TEMPO)
    view = home.house.point("maison")
    assert view is not None
    assert view.meaning is not None
    said = now_said(FRENCH, replace(view, meaning=replace(view.meaning, notice=1, peak=2)), NOW)
    assert said == now_said(FRENCH, view, NOW)


async def test_an_exchange_found_on_the_wire_is_shown_and_can_be_taken_back(home: Home) -> None:
    new = replace(HC, address="041876000099", indexes_wh=(0, 12))
    for seconds in range(70, 80, 2):
        hear(home, new, at=NOW + seconds)
    page = await home.text("/meters")
    shown = plain(read(page).text)
    assert "Compteur échangé aujourd’hui à 18 h 43 : n° 0412 7612 3456 avant, n° 0418 7600 0099 depuis." in shown
    (point, *_) = (await home.json("/api/v1/points"))["points"]
    assert (point["exchange"]["before"], point["exchange"]["after"]) == (str(LINKY), "tic:041876000099")
    form = read(page).fields
    async with home.client.post("/meters/apart", data={"token": form["token"], "point": "maison"}) as answer:
        assert answer.status == 200
        shown = plain(read(await answer.text()).text)
    assert "Compteur échangé" not in shown
    assert "Maison 2" in shown
    async with home.client.post("/meters/apart", data={"token": form["token"], "point": "nowhere"}) as answer:
        assert answer.status == 404


async def test_a_noisy_line_is_said_on_the_page_with_what_to_check_and_fills_no_log(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    home.house.collect.listening("linky", Listening(Hears.GROUPS, (9600,), "standard"))
    noisy = standard_frame(HC).replace(b"SINSTS\t01234", b"SINSTS\t01235").replace(b"URMS1\t230", b"URMS1\t330")
    for _ in range(50):
        for item in Framer().feed(noisy):
            assert isinstance(item, Frame)
            home.house.collect.frame("linky", item)
    text = read(await home.text("/box")).text
    assert "Qualité de la ligne\u00a0: mauvaise (100 groupes abîmés dans la dernière heure)." in text
    assert "À vérifier\u00a0: le câble" in text
    (linky, radio) = (await home.json("/api/v1/ports"))["ports"]
    assert (linky["quality"]["word"], linky["quality"]["bad_groups"], radio["quality"]) == ("bad", 100, None)
    assert not [record for record in caplog.records if record.name.startswith("gateway")]


async def test_what_was_misheard_before_the_speed_was_found_is_not_the_cable_s_fault(home: Home) -> None:
    for _ in range(100):
        home.house.collect.fault("linky", DecodeError("tic: noise"))
    home.house.collect.listening("linky", Listening(Hears.GROUPS, (1200,), "historique"))
    hear(home, HC, historique_frame)
    assert "Qualité de la ligne\u00a0: bonne (0 groupes" in read(await home.text("/box")).text
