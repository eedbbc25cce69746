"""What only tests and benchmarks ask: `/npol-lab/requests` and `/npol-lab/faults`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from npol_lab.api.request_context import Call
from npol_lab.api.request_counter import RequestCounter
from npol_lab.api.responses import json_response
from npol_lab.registry.errors import StatusError
from npol_lab.store import Store

if TYPE_CHECKING:
    from npol_lab.api.faults import Faults


class Admin:
    """
    GET /npol-lab/requests, POST /npol-lab/requests/reset, POST and DELETE /npol-lab/faults,
    and POST /npol-lab/forget-history, after which every watch from an old revision is Gone.
    """

    def __init__(self, counter: RequestCounter, store: Store) -> None:
        self._counter = counter
        self._store = store
        self.faults: Faults | None = None
        """Those that were ordered."""

    def order_faults(self, rules: Any) -> None:
        """
        Raises:
            StatusError: 400 for what is no list of rules.
        """
        from npol_lab.api.faults import Faults  # labs without faults go without it

        self.faults = Faults(rules)

    async def serve(self, call: Call) -> web.Response:
        if not call.user.is_admin:
            raise StatusError(403, "Forbidden", "only for the lab's administrator")
        asked = (call.request.method, call.request.path)
        if asked == ("GET", "/npol-lab/requests"):
            return json_response(self._counter.shown())
        if asked == ("POST", "/npol-lab/requests/reset"):
            self._counter.reset()
        elif asked == ("POST", "/npol-lab/faults"):
            self.order_faults((await call.body())[0])
        elif asked == ("DELETE", "/npol-lab/faults"):
            self.faults = None
        elif asked == ("POST", "/npol-lab/forget-history"):
            self._store.forget_history()
        else:
            raise StatusError(404, "NotFound", f"no {asked[0]} {asked[1]} here")
        return json_response({"status": "Success"})
