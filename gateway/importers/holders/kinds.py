"""Every kind of holder's file, in the order in which they are tried; and the recogniser, which looks at the content alone."""

from gateway.importers.holders import (
    edf,
    enedis_curve,
    enedis_daily,
    enedis_flow,
    enedis_history,
    enedis_index,
    enedis_request,
    grandlyon,
    grdf,
    ileo,
    suez,
    veolia,
)
from gateway.importers.holders.kind import Kind
from gateway.importers.holders.opened import Document

KINDS: tuple[Kind, ...] = (
    enedis_request.KIND,
    *enedis_flow.KINDS,
    enedis_curve.KIND,
    enedis_index.KIND,
    enedis_history.KIND,
    enedis_daily.KIND,
    *edf.KINDS,
    *grdf.KINDS,
    veolia.KIND,
    suez.KIND,
    grandlyon.KIND,
    ileo.KIND,
)


def recognise(document: Document) -> Kind | None:
    """Which kind a document is; None if it is none of ours."""
    return next((kind for kind in KINDS if kind.fits(document)), None)
