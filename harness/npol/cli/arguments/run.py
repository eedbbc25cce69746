"""What can be said to `npol run`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from npol.cli.arguments.completion import steps
from npol.cli.arguments.shared import ContextOrLab, Keep, Kubeconfig, Peers, Root, StoryFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class RunArguments:
    """See `npol run --help`."""

    stories: StoryFiles
    verbose: int = 0
    context: ContextOrLab = None
    kubeconfig: Kubeconfig = None
    lab: Annotated[
        bool, typer.Option("--lab", help="In a lab, as without a context; says so in scripts.")
    ] = False
    ip_families: Annotated[
        str | None,
        typer.Option(
            "--ip-families", metavar="IPv4|IPv4,IPv6", help="IP families of the lab; IPv4."
        ),
    ] = None
    peers: Peers = None
    root: Root = None
    create: Annotated[
        bool, typer.Option("--create", help="Create what the story lists under `given`.")
    ] = False
    create_all: Annotated[
        bool,
        typer.Option(
            "--create-all",
            help="Also what counts for the whole cluster, if it is yours alone (--create=all).",
        ),
    ] = False
    replace: Annotated[
        bool, typer.Option("--replace", help="Policies that exist may be replaced for a while.")
    ] = False
    allow_gitops: Annotated[
        bool,
        typer.Option("--allow-gitops", help="Also change what Argo CD, Flux and the like own."),
    ] = False
    assume_enforced: Annotated[
        bool, typer.Option("--assume-enforced", help="Judge denies without proof of enforcement.")
    ] = False
    no_canary: Annotated[
        bool,
        typer.Option(
            "--no-canary",
            help="Make no pods in npol-system: judge denies without proof of enforcement, and "
            "sources that may send nothing without a pod beside them.",
        ),
    ] = False
    leave: Annotated[
        bool,
        typer.Option("--leave", help="Keep what the steps applied; `npol rollback` undoes it."),
    ] = False
    keep: Keep = False
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="STEP", help="Stop after this step.", autocompletion=steps),
    ] = None
    wait: Annotated[
        float,
        typer.Option("--wait", min=0, help="Seconds to wait for a namespace that is held."),
    ] = 0.0
    recover_stale: Annotated[
        bool,
        typer.Option("--recover-stale", help="Restore what a dead run has left here, then begin."),
    ] = False
    max_unlisted_pods: Annotated[
        int,
        typer.Option(
            "--max-unlisted-pods",
            min=0,
            help="Maximum pods outside the story that its policies may select.",
        ),
    ] = 50
    start_within: Annotated[
        float | None,
        typer.Option(
            "--start-within", min=0, help="Seconds in which debug pods must run; default: 180."
        ),
    ] = None
    settle: Annotated[
        float | None,
        typer.Option(
            "--settle", min=0, help="Seconds in which flows may come to what is expected."
        ),
    ] = None
    qps: Annotated[
        float | None,
        typer.Option(
            "--qps", min=0.1, help="At most so many API requests a second; default: no limit."
        ),
    ] = None
    flow_records: Annotated[
        str,
        typer.Option(
            "--flow-records",
            metavar="auto|off|FILE|-",
            help="The data plane's records: from Cilium's agents (auto), a file, or a pipe; "
            "of Calico's Whisker a file, beside the verdicts.",
        ),
    ] = "auto"
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be applied, and change nothing.")
    ] = False
    watch: Annotated[
        bool, typer.Option("--watch", help="Run again at each save of a story or manifest.")
    ] = False
    watch_for: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="DURATION",
            help="Then ask the flows again and again for so long (90s, 10m), and tell each gap.",
        ),
    ] = None
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Only the stories of part I of N, counted from 0; the same for all who have these "
            "stories. Those that share a namespace are in one part.",
        ),
    ] = None
    events: Annotated[
        str | None,
        typer.Option(
            "--events",
            metavar="FILE|-",
            help="With --for: a line of JSON for each flow that turns, as it is seen.",
        ),
    ] = None
    report: Annotated[
        list[str] | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write the run; its suffix says how: .json, .html, .xml (JUnit), .md, .sarif, "
            ".tap, .prom, .svg, .dot, .mmd, .gitlab.json, .txt; - for JSON as the last line of the "
            "output. Repeat for several.",
        ),
    ] = None
    push: Annotated[
        str | None,
        typer.Option(
            "--push",
            metavar="URL",
            help="Put the run's metrics into a Pushgateway: the URL of a group, such as "
            "http://pushgateway:9091/metrics/job/npol; what the group held before goes.",
        ),
    ] = None
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="The same as --report FILE.html.")
    ] = None
    junit: Annotated[
        str | None, typer.Option("--junit", metavar="FILE", help="The same as --report FILE.xml.")
    ] = None
