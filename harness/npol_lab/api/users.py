"""Who asks: the administrator's token, tokens of service accounts, impersonation."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from npol_lab.store import Store

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
TOKEN_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class User:
    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_admin(self) -> bool:
        return MASTERS in self.groups


ADMIN = User("kubernetes-admin", (MASTERS, AUTHENTICATED))


def service_account(namespace: str, name: str, uid: str = "") -> User:
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
    return User(f"system:serviceaccount:{namespace}:{name}", groups, uid)


@dataclass(frozen=True, slots=True)
class _Grant:
    namespace: str
    name: str
    uid: str
    expires: float


class Tokens:
    """
    Which token stands for whom. Kept in memory, by digest, and gone with the lab.

    A service account's token ends with its time and with the service account.
    """

    def __init__(self, admin: str, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._admin = _digest(admin)
        self._store = store
        self._clock = clock
        self._grants: dict[bytes, _Grant] = {}

    def user(self, token: str) -> User | None:
        digest = _digest(token)
        if hmac.compare_digest(digest, self._admin):
            return ADMIN
        grant = self._grants.get(digest)
        if grant is None or grant.expires <= self._clock():
            return None
        account = self._store.get("serviceaccounts", grant.namespace, grant.name)
        if account is None or account["metadata"]["uid"] != grant.uid:
            return None
        return service_account(grant.namespace, grant.name, grant.uid)

    def issue(self, namespace: str, name: str, uid: str, seconds: int) -> tuple[str, float]:
        """A new token of a service account, and when it ends (seconds since the epoch)."""
        token = secrets.token_urlsafe(48)
        expires = self._clock() + seconds
        self._grants[_digest(token)] = _Grant(namespace, name, uid, expires)
        return token, expires


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
