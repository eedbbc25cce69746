"""Claims that a pod brings along: made for it, owned by it, gone with it."""

from __future__ import annotations

from collections.abc import Iterable

from npol.api_rules.objects import copied
from npol_lab.controllers.controller import Controller, Key, key_of
from npol_lab.controllers.owners import reference_to
from npol_lab.controllers.pods import is_finished, is_going
from npol_lab.store import Event

CLAIMS = "persistentvolumeclaims"


class EphemeralClaims(Controller):
    watches = ("pods",)

    def touches(self, event: Event) -> Iterable[Key]:
        return [key_of("pods", event.object)]

    def reconcile(self, key: Key) -> None:
        pod = self.one(*key)
        if pod is None or is_going(pod) or is_finished(pod):
            return
        for volume in pod["spec"].get("volumes") or []:
            template = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
            name = f"{key.name}-{volume['name']}"
            if template and self.registry.store.get(CLAIMS, key.namespace, name) is None:
                head = {**copied(template.get("metadata") or {}), "name": name}
                head |= {"namespace": key.namespace, "ownerReferences": [reference_to(pod)]}
                claim = {"metadata": head, "spec": copied(template["spec"])}
                self.registry.create(CLAIMS, claim)
