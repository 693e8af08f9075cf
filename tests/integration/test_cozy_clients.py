"""Cozy's own clients for JavaScript, from npm, find in the double (tests/cozy.py) what they know of a Cozy.

What they do not notice is not shown here: no cozy-stack ran.
"""

import asyncio
import json
from pathlib import Path

import pytest

from tests.cozy import Cozy, running
from tests.cozy_documents import CouchError, Json

HERE = Path(__file__).parent
ANSWER_S_MAX = 60.0
CONFLICT = {"ok": False, "status": "409", "error": "conflict", "reason": "Document update conflict."}
NOVEMBER = [[21, 13], [20, 1], [19, 2]]

pytestmark = pytest.mark.timeout(180)  # the packages of npm are fetched first


class FailedError(Exception):
    """What the client said on its way out."""


async def saw(cozy: Cozy, node_modules: Path, script: str) -> Json:
    async with running(cozy) as address:
        node = await asyncio.create_subprocess_exec(
            "node", str(HERE / script), str(node_modules), address, stdout=-1, stderr=-1
        )
        try:
            said, fault = await asyncio.wait_for(node.communicate(), ANSWER_S_MAX)
        finally:
            if node.returncode is None:
                node.kill()
                await node.wait()
    if node.returncode:
        raise FailedError(fault.decode())
    answer: Json = json.loads(said)
    return answer


async def test_cozy_stack_client_finds_a_cozy(node_modules: Path) -> None:
    cozy = Cozy()
    seen = await saw(cozy, node_modules, "cozy_client.js")
    told = {key: [json.loads(one) if str(one)[:1] == "{" else one for one in seen[key]] for key in _REFUSALS}
    assert told == _REFUSALS
    rights = {"type": "com.grandlyon.enedis.*", "verbs": ["DELETE", "GET", "PATCH", "POST", "PUT"]}
    assert {key: value for key, value in seen.items() if key not in told} == {
        "names": ["Crosscheck", "Crosscheck-2"],
        "button": True,
        "token": ["bearer", "com.grandlyon.enedis.*", True, True],
        "made": [12.3, "com.grandlyon.enedis.day", True, "fixed"],
        "updated": [13, True],
        "batch": ["ok", "conflict", "ok"],
        "several": ["fixed", "batch-20"],
        "found": [NOVEMBER, True],
        "rest": [[[18, 1.5]], False],
        "all": [4, 4],
        "changes": ["string", 4],
        "gone": 0,
        "afterExpiry": [3, True, True],
        "rights": {"rule0": rights},
        "revoked": [400, 'Bearer error="invalid_token"', "code=400, message=Invalid JWT token"],
    }
    assert cozy.clients == {}


_REFUSALS = {
    "wrongVerifier": [400, {"error": "invalid code_verifier"}],
    "codeTwice": [400, {"error": "invalid code"}],
    "stale": [409, CONFLICT],
    "outside": [403, {"error": "code=403, message=Forbidden"}],
}


async def test_the_older_cozy_client_js_finds_a_cozy(node_modules: Path) -> None:
    cozy = Cozy()
    assert await saw(cozy, node_modules, "cozy_client_old.js") == {
        "scope": "com.grandlyon.egl.* io.cozy.files",
        "made": [120, True],
        "changed": [121, True],
        "found": [121],
        "all": 1,
        "left": 0,
        "file": ["6", "C+rYhIA/6MVkPdoNy5SxvA==", True],
        "content": "sealed",
        "destroyed": 404,
    }
    assert cozy.files.files() == {}


class Unstripped(Cozy):
    """Hands `_type` on, which CouchDB refuses."""

    def stripped(self, document: Json) -> Json:
        return document


class OtherwiseUnfound(Cozy):
    """Has another word for an index that is missing."""

    def refused_find(self, error: CouchError) -> CouchError:
        return CouchError(400, "bad_request", "There is no index available for this selector.")


@pytest.mark.parametrize(("broken", "word"), [(Unstripped, "doc_validation"), (OtherwiseUnfound, "no index available")])
async def test_a_double_that_is_no_cozy_is_found_out(node_modules: Path, broken: type[Cozy], word: str) -> None:
    with pytest.raises(FailedError, match=word):
        await saw(broken(), node_modules, "cozy_client.js")
