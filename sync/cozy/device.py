"""The box as a connected device of a Cozy: registered, let in by its owner, and asking with a token (cozy-stack, docs/auth.md).

Registration is RFC 7591 and 7592, the owner's yes RFC 6749 (section 4.1) with PKCE (RFC 7636, S256).
"""

import base64
import hashlib
import json
import secrets as randomness
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from yarl import URL

from sync.model import Home, Trouble, Why
from sync.net import Answer, Net, of_status

SOFTWARE = "github.com/releve/releve"
NAME = "Relevé"
# A Cozy forgets after an hour whom nobody let in (docs/auth.md): one that is older than this is not waited for.
PENDING_S_MAX = 45 * 60
VERIFIER_BYTES = 48
STATE_BYTES = 24
DETAIL_CHARACTERS = 120
# What its owner took back; a refused secret or refresh token does not come right by itself either.
ENDED = ("the client must be registered", "invalid refresh token", "invalid client_secret")
JSON_API = "application/vnd.api+json"

Json = dict[str, Any]


class Device:
    """The way in for one grant.

    Its secrets: `client`, `secret`, `registration`, `since`; until the owner said yes `state` and `verifier`, then `access` and `refresh`.
    """

    def __init__(self, net: Net, address: str, scope: str, secrets: Mapping[str, str], home: Home) -> None:
        """`address`: of the Cozy, `https://ada.mycozy.cloud`; `scope`: what is asked for, apart by spaces."""
        self._net = net
        self._base = address.rstrip("/")
        self._scope = scope
        self._secrets = dict(secrets)
        self._home = home

    def __repr__(self) -> str:
        return f"Device({self._base})"

    async def open(self) -> None:
        """Be let in, if that is still to be done; waits for the owner."""
        if "refresh" in self._secrets:
            return
        since = int(self._secrets.get("since", "0"))
        if "client" not in self._secrets or not 0 <= self._home.now - since < PENDING_S_MAX:
            await self._register()
        if "state" not in self._secrets:
            verifier, state = randomness.token_urlsafe(VERIFIER_BYTES), randomness.token_urlsafe(STATE_BYTES)
            await self._keep(verifier=verifier, state=state)
        await self._home.show(self._link())
        try:
            brought = await self._home.brought()
        except Trouble as error:
            if error.why is not Why.WAITING:
                raise
            raise Trouble(
                Why.WAITING,
                "nobody came back from the Cozy; where it says that too many devices are connected, disconnect one in its settings",
            ) from None
        await self._let_in(brought)

    async def leave(self) -> None:
        """Not to be its device any longer; what was written stays."""
        client, registration = self._secrets.get("client"), self._secrets.get("registration")
        if client is None or registration is None:
            return
        answer = await self._net.ask(
            "DELETE", f"{self._base}/auth/register/{client}", headers={"Authorization": f"Bearer {registration}"}
        )
        # 401 and 404: it does not know us any longer, as was wished.
        if answer.status not in (200, 204, 401, 404):
            raise trouble(answer, "to be forgotten")

    async def ask(self, method: str, path: str, what: str, body: bytes | None = None, **headers: str) -> Answer:
        """One request with our token, which is renewed once if it is over. Trouble where we were taken out.

        `path` from the root on, quoted, with its query; `what` names the request in a trouble.
        """
        answer = await self._once(method, path, body, headers)
        if _is_over(answer):
            await self._refresh()
            answer = await self._once(method, path, body, headers)
            if _is_over(answer):
                raise Trouble(Why.ENDED, f"{what}: a new token is refused, too")
        return answer

    async def synchronized(self) -> None:
        """The device's page in the settings of the Cozy says when it last came."""
        answer = await self.ask("POST", "/settings/synchronized", "the time of the last sync")
        if answer.status != 204:
            raise trouble(answer, "the time of the last sync")

    async def _once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and "Content-Type" not in said:
            said["Content-Type"] = "application/json"
        said.setdefault("Accept", "application/json")
        said["Authorization"] = f"Bearer {self._secrets.get('access', '')}"
        return await self._net.ask(method, self._base + path, headers=said, data=body)

    async def _register(self) -> None:
        asked = {
            "redirect_uris": [self._home.redirect],
            "client_name": NAME,
            "software_id": SOFTWARE,
            "client_kind": "desktop",
        }
        answer = await self._net.ask("POST", f"{self._base}/auth/register", json=asked)
        if answer.status == 404:  # also what it says above 50 an hour (docs/auth.md)
            raise Trouble(
                Why.ODD, "there is no Cozy, or it was asked too often: its address is like https://ada.mycozy.cloud"
            )
        if answer.status != 201:
            raise trouble(answer, "to become a device")
        said = read(answer, "to become a device")
        try:
            kept = {
                "client": str(said["client_id"]),
                "secret": str(said["client_secret"]),
                "registration": str(said["registration_access_token"]),
                "since": str(self._home.now),
            }
        except KeyError as error:
            raise Trouble(Why.ODD, f"to become a device: {error} is missing in its answer") from None
        self._secrets = {}
        await self._keep(**kept)

    def _link(self) -> str:
        digest = hashlib.sha256(self._secrets["verifier"].encode()).digest()
        asked = {
            "client_id": self._secrets["client"],
            "redirect_uri": self._home.redirect,
            "state": self._secrets["state"],
            "response_type": "code",
            "scope": self._scope,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self._base}/auth/authorize?{urlencode(asked, quote_via=quote)}"

    async def _let_in(self, brought: Mapping[str, str]) -> None:
        if not randomness.compare_digest(brought.get("state", "").encode(), self._secrets["state"].encode()):
            if "error" in brought and "state" not in brought:  # the Cozy's link to say no holds nothing else
                raise Trouble(Why.REFUSED, "its owner said no there")
            raise Trouble(
                Why.WAITING, "what came back is of another try; open the link of this page, and say yes there"
            )
        code = brought.get("code") or brought.get("access_code")
        if not code:
            raise Trouble(Why.WAITING, "no code came back; say yes there once more")
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": self._secrets["verifier"],
            "client_id": self._secrets["client"],
            "client_secret": self._secrets["secret"],
        }
        answer = await self._net.ask("POST", f"{self._base}/auth/access_token", data=asked)
        if answer.status == 400:
            error = _error(answer)
            if error == "the client must be registered":
                self._secrets = {}
                await self._home.keep({})
                raise Trouble(
                    Why.WAITING, "the Cozy no longer waits: more than an hour passed; say yes there once more"
                )
            if error in ("invalid code", "invalid code_verifier"):
                await self._keep(state=None, verifier=None)
                raise Trouble(Why.WAITING, "the yes came too late, it holds for five minutes; say yes there once more")
        if answer.status != 200:
            raise trouble(answer, "the first token")
        said = read(answer, "the first token")
        access, refresh, scope = (str(said.get(name, "")) for name in ("access_token", "refresh_token", "scope"))
        if not access or not refresh:
            raise Trouble(Why.ODD, "the first token: it is missing in the answer")
        if missing := set(self._scope.split()) - set(scope.split()):
            raise Trouble(Why.REFUSED, f"the Cozy lets us do less than was asked: without {min(missing)}")
        await self._keep(state=None, verifier=None, access=access, refresh=refresh)

    async def _refresh(self) -> None:
        asked = {
            "grant_type": "refresh_token",
            "refresh_token": self._secrets.get("refresh", ""),
            "client_id": self._secrets.get("client", ""),
            "client_secret": self._secrets.get("secret", ""),
        }
        answer = await self._net.ask("POST", f"{self._base}/auth/access_token", data=asked)
        if answer.status == 400 and _error(answer) in ENDED:
            raise Trouble(Why.ENDED, f"another token: {_error(answer)}")
        if answer.status != 200:
            raise trouble(answer, "another token")
        said = read(answer, "another token")
        if not said.get("access_token"):
            raise Trouble(Why.ODD, "another token: it is missing in the answer")
        # No refresh token comes with it, but where the Cozy has another domain: ours stays good (docs/auth.md).
        await self._keep(
            access=str(said["access_token"]), refresh=said.get("refresh_token") or self._secrets["refresh"]
        )

    async def _keep(self, **changed: str | None) -> None:
        kept = {**self._secrets, **changed}
        self._secrets = {name: value for name, value in kept.items() if value is not None}
        await self._home.keep(self._secrets)


def origin(address: str) -> str:
    """The root of the Cozy that an address stands in; Trouble for what is none. It is not repeated: a password may be in it."""
    try:
        url = URL(address)
        if url.scheme not in ("http", "https") or not url.host or url.user or url.password:
            raise ValueError
        return str(url.origin())
    except ValueError:
        raise Trouble(Why.ODD, "the address of a Cozy is like https://ada.mycozy.cloud") from None


def read(answer: Answer, what: str) -> Json:
    """The JSON object that was answered. Numbers are exact; Trouble for what is none, a page say."""
    said = parsed(answer, what)
    if not isinstance(said, dict):
        raise Trouble(Why.ODD, f"{what}: {answer.line}, and no JSON object")
    return said


def parsed(answer: Answer, what: str) -> Any:
    try:
        return json.loads(answer.body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Trouble(Why.ODD, f"{what}: {answer.line}, and no JSON") from None


def trouble(answer: Answer, what: str) -> Trouble:
    """What a status says that was not expected (docs/http-api.md)."""
    said = _error(answer)
    detail = f"{what}: {answer.line}" + (f": {said}" if said else "")
    match answer.status:
        case 402:
            return Trouble(Why.REFUSED, f"{detail}; the Cozy is blocked until its owner has looked into it")
        case 410:
            return Trouble(Why.MOVED, f"{detail}; the Cozy has moved")
        case 400 | 401 | 403 | 404 | 409 | 412 | 422 if said:
            return Trouble(Why.REFUSED if answer.status in (401, 403) else Why.ODD, detail)
    return of_status(answer, what)


def _error(answer: Answer) -> str:
    """The word of an error: of CouchDB's, of JSON:API's or of the login's; empty where there is none."""
    try:
        said = json.loads(answer.body)
        if "errors" in said:
            said = {"error": said["errors"][0]["detail"]}
        words = [str(said[name]) for name in ("error", "reason") if said.get(name)]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return ""
    text = ": ".join(words)[:DETAIL_CHARACTERS]
    return text if text.isprintable() else ""


def _is_over(answer: Answer) -> bool:
    """Over, or of a device that was taken out: the Cozy says 400 for both (model/permission/errors.go)."""
    if answer.status not in (400, 401):
        return False
    return "invalid_token" in answer.headers.get("WWW-Authenticate", "") or any(
        word in _error(answer) for word in ("Expired token", "Invalid JWT token")
    )
