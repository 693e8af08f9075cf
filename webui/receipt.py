"""A grant as a receipt for programs: JSON-LD in the words of DPV 2, with the fields that ISO/IEC TS 27560 names.

What is not known is left out: nobody asked for a controller's address. docs/consent.md says which fields those are.
"""

from datetime import UTC, datetime

from gateway.grants import Grant, GrantedSeries, Held
from gateway.way import Way

SCHEMA = "https://w3id.org/dpv/schema/dpv-27560"
CONTEXT = {
    "dpv": "https://w3id.org/dpv#",
    "dct": "http://purl.org/dc/terms/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "releve": "urn:releve:terms:",  # what DPV has no word for: how fine, how late, and whether the past is included
}
STATUS = {
    None: "ConsentGiven",
    "withdrawn": "ConsentWithdrawn",
    "expired": "ConsentExpired",
    "restored": "ConsentInvalidated",
}


def receipt(held: Held, *, sentence: str, language: str, now: int, path: str) -> dict[str, object]:
    """A JSON-LD object; `sentence` says all of it to a person, `path` is the page where it is taken back."""
    grant = held.grant
    operator = "#operator"
    events = [_event("ConsentGiven", grant.start, grant.until - grant.start)]
    if held.end is not None and held.ended_at is not None:
        events.append(_event(STATUS[held.end], held.ended_at, 0))
    process: dict[str, object] = {
        "@type": "dpv:Process",
        "dct:title": grant.target,
        "dpv:hasNotice": sentence,
        "dpv:hasPurpose": {"@type": "dpv:Purpose", "dct:description": grant.purpose},
        "dpv:hasLegalBasis": {"@id": "dpv:ExplicitlyExpressedConsent"},
        **_processing(grant.way),
        "dpv:hasPersonalData": [_data(one) for one in grant.series] or _told(grant),
        "dpv:hasDataSource": {
            "@type": "dpv:DataSource",
            "dct:title": "the meters of this home, read by its own box",
        },
        "dpv:hasRecipient": {"@id": operator},
        "dpv:hasDuration": _lasts(grant.until - grant.start),
        **({} if grant.telling else _figures(grant)),
        "dpv:hasConsentControl": {
            "@type": "dpv:WithdrawConsent",
            "dct:description": f"one button on the box's own page {path}; what was {'told' if grant.telling else 'read'} before stays with the recipient",
        },
    }
    return {
        "@context": {**CONTEXT, "@base": f"urn:releve:grant:{grant.id}/"},
        "@id": "#receipt",
        "@type": "dpv:ConsentReceipt",
        "dct:identifier": f"receipt-{grant.id}",
        "dct:conformsTo": {"@id": f"{SCHEMA}#receipt"},
        "dct:created": _time(now),
        "dct:language": language,
        "dct:description": sentence,
        "dpv:hasRecordOfActivity": {
            "@id": "#record",
            "@type": "dpv:ConsentRecord",
            "dct:identifier": grant.id,
            "dct:conformsTo": {"@id": f"{SCHEMA}#record"},
            "dpv:hasDataSubject": {"@id": "#household", "@type": "dpv:DataSubject", "dct:title": "the household"},
            "dpv:hasDataController": {"@id": operator, "@type": "dpv:DataController", "dpv:hasName": grant.operator},
            "dpv:hasConsentStatus": {"@id": f"dpv:{STATUS[held.end]}"},
            "dpv:hasProcess": process,
            "dct:hasPart": events,
        },
    }


def _processing(way: Way | None) -> dict[str, object]:
    """What is done with it, and where it then lies."""
    if way is None:
        return {"dpv:hasProcessing": [{"@id": "dpv:Obtain"}, {"@id": "dpv:Use"}]}
    said: dict[str, object] = {
        "dpv:hasProcessing": [{"@id": "dpv:Transfer"}, {"@id": "dpv:Store"}],
        "dpv:hasStorageCondition": {"@type": "dpv:StorageCondition", "dpv:hasLocation": way.address},
        "releve:form": way.form,
    }
    if way.to:
        said["releve:to"] = list(way.to)
    if way.adopt:
        said["releve:replaces"] = True
    return said | ({"releve:sealedFor": list(way.sealed_for)} if way.sealed_for else {})


def _figures(grant: Grant) -> dict[str, object]:
    return {"releve:resolution": grant.resolution, "releve:delay": _lasts(grant.delay_s), "releve:past": grant.past}


def _told(grant: Grant) -> list[dict[str, object]]:
    """What messages are about."""
    about = grant.telling.about if grant.telling is not None else ()
    return [{"@type": "dpv:PersonalData", "dct:type": f"alerts: {one}"} for one in about]


def _data(one: GrantedSeries) -> dict[str, object]:
    return {
        "@type": "dpv:PersonalData",
        "dct:identifier": str(one.key),
        "dct:title": one.name,
        "dct:type": f"{one.medium} {one.quantity.word}",
        "dct:format": one.quantity.unit,
    }


def _event(status: str, at: int, lasts_s: int) -> dict[str, object]:
    return {
        "@type": f"dpv:{status}",
        "dct:date": _time(at),
        "dct:valid": _lasts(lasts_s),
        "dpv:isImplementedByEntity": {"@id": "#household"},
    }


def _time(at: int) -> dict[str, str]:
    return {"@type": "xsd:dateTime", "@value": f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"}


def _lasts(seconds: int) -> dict[str, str]:
    return {"@type": "xsd:duration", "@value": f"PT{seconds}S"}
