"""A case laid out in a directory, and what came of it in words that no run changes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from tests.kube.kubectl.cases import Case
from tests.kube.kubectl.servers import Servers

PROXY_VARIABLES = {"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY"}
CLEARED = {*PROXY_VARIABLES, *map(str.lower, PROXY_VARIABLES), "KUBECONFIG", "REQUEST_METHOD"} | {
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
}
"""What a case's environment must not inherit."""


@dataclass(frozen=True, kw_only=True)
class World:
    """A directory, the environment and the options of one case."""

    directory: Path
    case: Case
    servers: Servers
    environment: dict[str, str]
    kubeconfig: str | None

    @property
    def account(self) -> Path:
        """Where the files of the ServiceAccount are, if there is one."""
        return self.directory / "account"

    def outcome(self) -> dict:
        """How the list of pods came to the server; refused: it did not come."""
        seen, request = self.servers.seen, self.servers.seen.request
        if request is None:
            return {"refused": True}
        found = {
            "refused": False,
            "through": sorted({self._plain(hop) for hop in seen.through}),
            "sni": seen.sni,
            **request,
            "host": self._plain(request["host"]),
        }
        if (self.directory / "info").exists():
            info = self._plain((self.directory / "info").read_text())
            found["plugin is told"] = json.loads(info)
        return found

    def _plain(self, text: str) -> str:
        data = self.servers.authorities.data("ca.crt")
        return self.servers.names(text.replace(data, "{ca.crt:data}"))


def laid_out(case: Case, servers: Servers, directory: Path) -> World:
    """The files of a case, written; nothing has been asked yet."""

    def words(text: str) -> str:
        return servers.words(text).replace("{dir}", str(directory))

    servers.seen.clear()
    for name, text in case.files.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(words(text))
        file.chmod(0o700)
    if case.account is not None:
        (directory / "account").mkdir()
        for name, text in case.account.items():
            value = Path(words(text)).read_text() if name == "ca.crt" else text
            (directory / "account" / name).write_text(value)
    kept = {name: value for name, value in os.environ.items() if name not in CLEARED}
    added = {name: words(value) for name, value in case.env.items()}
    return World(
        directory=directory,
        case=case,
        servers=servers,
        environment={**kept, "HOME": str(directory), **added},
        kubeconfig=case.kubeconfig and words(case.kubeconfig),
    )
