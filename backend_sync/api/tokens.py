"""Tokens of an outside sign-in service (OIDC): a port, and its verifier over a file of public keys.

The service's keys come from a file that its operator keeps up to date: nothing is fetched, so no
token can make this process ask another host. Source: RFC 7519, RFC 7517, RFC 8725; T20.
"""

import json
from pathlib import Path
from typing import Any, Protocol

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from backend_sync.ports import Clock
from card_layouts.codec.timestamps import to_unix

# RFC 8725 3.1: a closed list, and no secret that both sides know.
ALGORITHMS = ("RS256", "EdDSA", "Ed25519")
TOKEN_MOST = 8 * 1024
SKEW_S = 60
AGE_MOST_S = 24 * 3600
FILE = "oidc.json"
FIELDS = {"issuer", "audience", "claim", "jwks"}


class TokenRefused(Exception):
    """The token is not good; the message says what was looked at, and nothing that it said."""


class TokensError(Exception):
    """The file that describes the sign-in service cannot be used; the message names it."""


class Tokens(Protocol):
    """Who is meant by a token."""

    def user(self, token: str) -> str:
        """Return the name of the user. Raises: TokenRefused."""


class NoTokens:
    """No sign-in service is named: no token is good."""

    def user(self, token: str) -> str:
        raise TokenRefused("no sign-in service is set up here; wanted a key of `tornello api key`")


class SignedTokens:
    """Verifies signature, issuer, audience and times; `claim` holds the user's name."""

    def __init__(
        self, issuer: str, audience: str, claim: str, keys: dict[str, Any], clock: Clock
    ) -> None:
        self.issuer = issuer
        self.audience = audience
        self.claim = claim
        self.keys = KeySet.import_key_set(keys)  # type: ignore[arg-type]
        self.clock = clock

    def user(self, token: str) -> str:
        if len(token) > TOKEN_MOST:
            raise TokenRefused(f"token: {len(token)} characters, at most {TOKEN_MOST}")
        try:
            found = jwt.decode(token, self.keys, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError, TypeError, KeyError):
            raise TokenRefused("token: not signed by a key of the sign-in service") from None
        claims = found.claims
        self._check(claims)
        name = claims.get(self.claim)
        if not isinstance(name, str):
            raise TokenRefused(f"token: no name in claim {self.claim}")
        return name

    def _check(self, claims: dict[str, Any]) -> None:
        now = to_unix(self.clock.utc_seconds())
        said = claims.get("aud")
        if claims.get("iss") != self.issuer:
            raise TokenRefused("token: of another issuer")
        if self.audience not in (said if isinstance(said, list) else [said]):
            raise TokenRefused("token: made for another audience")
        ends: Any = claims.get("exp")
        starts: Any = claims.get("nbf", claims.get("iat", 0))
        if not _is_time(ends) or not _is_time(starts):
            raise TokenRefused("token: without the second at which it ends")
        if not starts - SKEW_S <= now < ends + SKEW_S or ends - now > AGE_MOST_S:
            raise TokenRefused("token: not valid at this time")


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_tokens(folder: Path, clock: Clock) -> Tokens:
    """Return the verifier that `oidc.json` of a ledger's folder describes, or one that refuses.

    Shape: {"issuer", "audience", "claim", "jwks": file of its public keys}. Raises: TokensError.
    """
    path = folder / FILE
    if not path.exists():
        return NoTokens()
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(said, dict) or set(said) != FIELDS:
            raise ValueError(f"wanted the fields {', '.join(sorted(FIELDS))}")
        if not all(isinstance(value, str) and value for value in said.values()):
            raise ValueError("wanted a text in each field")
        keys = json.loads((folder / said["jwks"]).read_text(encoding="utf-8"))
        return SignedTokens(said["issuer"], said["audience"], said["claim"], keys, clock)
    except (OSError, ValueError, TypeError, KeyError, JoseError) as error:
        raise TokensError(f"{path}: {error}") from None
