"""What only tests and benchmarks ask: `/npol-lab/requests` and `/npol-lab/faults`."""

from __future__ import annotations

from aiohttp import web

from npol_lab.api.counter import RequestCounter
from npol_lab.api.faults import Faults
from npol_lab.api.request_context import Call
from npol_lab.api.responses import json_response
from npol_lab.registry.errors import StatusError
from npol_lab.store import Store


class Admin:
    """
    GET /npol-lab/requests, POST /npol-lab/requests/reset, POST and DELETE /npol-lab/faults,
    and POST /npol-lab/forget-history, after which every watch from an old revision is Gone.
    """

    def __init__(self, counter: RequestCounter, faults: Faults, store: Store) -> None:
        self._counter = counter
        self._faults = faults
        self._store = store

    async def serve(self, call: Call) -> web.Response:
        if not call.user.is_admin:
            raise StatusError(403, "Forbidden", "only for the lab's administrator")
        asked = (call.request.method, call.request.path)
        if asked == ("GET", "/npol-lab/requests"):
            return json_response(self._counter.shown())
        if asked == ("POST", "/npol-lab/requests/reset"):
            self._counter.reset()
        elif asked == ("POST", "/npol-lab/faults"):
            self._faults.set((await call.body())[0])
        elif asked == ("DELETE", "/npol-lab/faults"):
            self._faults.clear()
        elif asked == ("POST", "/npol-lab/forget-history"):
            self._store.forget_history()
        else:
            raise StatusError(404, "NotFound", f"no {asked[0]} {asked[1]} here")
        return json_response({"status": "Success"})
