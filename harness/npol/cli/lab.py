"""`npol lab`: a cluster to try it in."""

from __future__ import annotations

import signal

from npol.cli.arguments.lab import LabArguments
from npol.cli.streams import say
from npol.target_cluster import lab_families


def lab(arguments: LabArguments) -> None:
    from npol_lab.session import Lab, LabOptions

    options = LabOptions(
        nodes=arguments.nodes,
        enforcement=arguments.enforcement,
        enforcement_delay=arguments.enforcement_delay,
        strict=arguments.strict,
        ip_families=lab_families(arguments.ip_families),
    )
    with Lab.start(options) as own:
        say(f"export KUBECONFIG={own.kubeconfig}   # context {own.context}")
        say("the lab is up; Ctrl-C ends it and everything in it")
        signal.sigwait({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
