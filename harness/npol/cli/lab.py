"""`npol lab`: a cluster to try it in."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from npol.cli.arguments.lab import LabArguments
from npol.cli.streams import say
from npol.target_cluster import lab_families

if TYPE_CHECKING:
    from npol_lab.session import Lab


def lab(arguments: LabArguments) -> None:
    from npol_lab.session import Lab, LabOptions

    options = LabOptions(
        nodes=arguments.nodes,
        enforcement=arguments.enforcement,
        enforcement_delay=arguments.enforcement_delay,
        fresh_pod_delay=arguments.fresh_pod_delay,
        strict=arguments.strict,
        ip_families=lab_families(arguments.ip_families),
    )
    if not (arguments.chart or arguments.values or arguments.kustomization):
        with Lab.start(options) as own:
            _wait(own, arguments)
        return
    from npol.cli.lab_objects import fill_lab, lab_objects  # an empty lab need not pay for them

    manifests = lab_objects(arguments)
    with Lab.start(options) as own:
        fill_lab(str(own.kubeconfig), own.context, manifests, arguments.namespace)
        _wait(own, arguments)


def _wait(own: Lab, arguments: LabArguments) -> None:
    from npol_lab.registry.enforced_kinds import enforced_kinds

    if arguments.enforcement:
        say(f"policies that it enforces: {'; '.join(enforced_kinds())}")
    say(f"export KUBECONFIG={own.kubeconfig}   # context {own.context}")
    say("the lab is up; Ctrl-C ends it and everything in it")
    signal.sigwait({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
