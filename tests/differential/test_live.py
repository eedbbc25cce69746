"""The evaluator, in the dialect of the engine that is detected, and a real cluster agree."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npol.cni.detect import detect, gather
from npol.kube.connection import Mode
from npol.kube.inventory import read
from npol.model.prediction import PredictedDecision
from npol.policy.state.from_inventory import cluster_state
from npol.report.causes import prediction_words
from npol.report.reasons import reason_words
from npol.run import Options, StoryRun
from npol.run.predictor import Predictor
from npol.story import read_story
from npol.yaml_positions import dump
from tests.differential.deciding import until_it_changes
from tests.examples import thorough
from tests.live.conftest import connected, target
from tests.policy.clusters import ip_blocks, policies, specs

__all__ = ["connected", "target"]

pytestmark = [pytest.mark.live, pytest.mark.nightly]

IMAGE = "registry.k8s.io/e2e-test-images/agnhost:2.53"
PODS = {
    # name: which namespace, labels, number of its port `web`
    "p0": ("x", {"app": "a"}, 80),
    "p1": ("x", {"app": "b", "tier": "a"}, 81),
    "p2": ("y", {"app": "a", "tier": "b"}, 80),
    "p3": ("y", {"app": "b"}, 81),
}
SERVICES = {"sx": ("x", {"tier": "a"}), "sy": ("y", {"app": "a"})}
CASES = 32


def dump_each(objects):
    return "---\n".join(dump(obj) for obj in objects)


def in_each(count, cases, differences):
    """
    What `differences` finds in so many cases, with the policies above it in what the test prints.

    It takes the policies, the flows and hypothesis' `draw`.
    """
    every = []

    @thorough(count)
    @given(case=cases, data=st.data())
    def each(case, data):
        made, flows = case
        found = [*differences(made, flows, data.draw)]
        if found:
            print(dump_each(made), *found, sep="\n")
        every.extend(found)

    each()
    return every


def workload(namespace, name, labels, web):
    containers = [
        {
            "name": port,
            "image": IMAGE,
            "args": ["netexec", f"--http-port={number}", f"--udp-port={number}"],
            "ports": [{"name": port, "containerPort": number}],
        }
        for port, number in {"web": web, "api": 161 - web}.items()
    ]
    meta = {"name": name, "namespace": namespace}
    pod = {"containers": containers, "terminationGracePeriodSeconds": 0}
    own = {"pod": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {
            "selector": {"matchLabels": own},
            "template": {"metadata": {"labels": {**own, **labels}}, "spec": pod},
        },
    }


def service(namespace, name, selector):
    ports = [{"name": "web", "port": 8000, "targetPort": "web"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": selector, "ports": ports},
    }


class Live:
    """One run of a story whose steps are made as cases come."""

    def __init__(self, target, connection, directory):
        self.spaces = {n: f"npol-differ-{n}-{secrets.token_hex(3)}" for n in ("x", "y")}
        self.directory = directory
        self.connection = connection
        self.engine = detect(gather(connection)).name
        self.counted = Counter()
        self.before = ""
        (directory / "given.yaml").write_text(dump_each(self._given()))
        options = Options(
            kubeconfig=target.kubeconfig,
            context=target.context,
            create=True,
            assume_enforced=True,
            namespaces=tuple(self.spaces.values()),
        )
        flows = [self._flow(name, name, 80, "tcp", word="allow") for name in PODS]
        story = self.story("before", flows, given=["given.yaml"])
        self.run = StoryRun(story, options)
        self.run.open()
        self.run.reach("before")
        self.inventory = self.look()

    @property
    def nobody(self):
        """Policies of other kinds that change nothing: a run changes only kinds that it names."""
        return ()

    @property
    def ends(self):
        """Flows of ends that every cluster has: a run knows those that its story names."""
        return ()

    def _given(self):
        for letter, name in self.spaces.items():
            meta = {"name": name, "labels": {"app": {"x": "a", "y": "b"}[letter]}}
            yield {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
        for name, (letter, labels, web) in PODS.items():
            yield workload(self.spaces[letter], name, labels, web)
        for name, (letter, selector) in SERVICES.items():
            yield service(self.spaces[letter], name, selector)

    def look(self):
        namespaces = [*self.spaces.values(), "kube-system", "default"]
        return read(self.connection, namespaces, workloads=namespaces)

    def peers(self):
        pods = {
            name: {"namespace": self.spaces[letter], "workload": f"deployment/{name}"}
            for name, (letter, *_) in PODS.items()
        }
        services = {
            name: {"namespace": self.spaces[letter], "service": name}
            for name, (letter, _) in SERVICES.items()
        }
        return {**pods, **services}

    def story(self, step, flows, *, given=(), changes=()):
        entry = {"name": step, "flows": [*flows, *(self.ends if given else ())]}
        entry |= {"change": list(changes)} if changes else {}
        whole = {"version": 1, "name": "differ", "peers": self.peers(), "given": list(given)}
        defaults = {"timeout": "1s", "settle": {"within": "60s"}}
        steps = [entry]
        if given and self.nobody:
            (self.directory / "nobody.yaml").write_text(dump_each(self.nobody))
            steps.append({"name": "never told", "apply": ["nobody.yaml"], "flows": flows})
        text = dump({**whole, "defaults": defaults, "steps": steps})
        where = self.directory / "differ.npol.yaml"
        return read_story(text.encode(), str(where), str(self.directory))

    def _flow(self, source, target, port, protocol, *, word):
        ends = {"from": source, "to": target, "port": port, "protocol": protocol}
        return {**ends, "expect": word, "name": f"{source} -> {target}:{port}/{protocol}"}

    @property
    def addresses(self):
        """Of its own pods."""
        return [
            pod["status"]["podIP"]
            for pod in self.inventory.pods
            if pod["metadata"]["namespace"] in self.spaces.values()
        ]

    @property
    def specs(self):
        return specs(ip_blocks("10.0.0.0/8", self.addresses), [*self.spaces.values()])

    def differences(self, made, flows):
        """The flows that did what was not foretold in the step with these policies."""
        flows = list(self._foretold(made, flows))
        name = f"case {self.counted['cases']}"
        path = f"{name}.yaml" if made else ""
        changes = [{"delete": [self.before]}] if self.before else []
        if path:
            (self.directory / path).write_text(dump_each(made))
            changes.append({"apply": [path]})
        self.before = path
        told = self._tell(name, flows, changes)
        self.counted["cases"] += 1
        self.counted.update(str(flow.expected) for flow in told)
        wrong = {flow.name for flow in told if _differs(flow)}
        return [_spell(flow) for flow in self._settled(name, flows, wrong) if _differs(flow)]

    def _settled(self, name, flows, wrong):
        """Asked once more: while several policies come and go one by one, answers may change."""
        if not wrong:
            return ()
        self.counted["asked again"] += len(wrong)
        return self._tell(f"{name}, settled", [f for f in flows if f["name"] in wrong], [])

    def _tell(self, step, flows, changes):
        return self.run.tell(self.story(step, flows, changes=changes).steps[0]).flows

    def _foretold(self, made, flows):
        """The flows that the dialect decides, with their predictions as expectations."""
        for flow, prediction in zip(flows, self.predict(made, flows), strict=True):
            if prediction.decision is PredictedDecision.UNKNOWN:
                self.counted["left out"] += 1
            else:
                yield self._flow(*flow, word=prediction.decision.value)

    def predict(self, made, flows):
        asked = self.story("ask", [self._flow(*flow, word="allow") for flow in flows])
        state = cluster_state(replace(self.inventory, policies=tuple(made)))
        oracle = Predictor(state, asked, self.engine)
        return [oracle.predict(parsed) for parsed in asked.steps[0].flows]

    def _predict_one(self, flow, made):
        (prediction,) = self.predict(made, [flow])
        return prediction

    def differences_without(self, made, flows, draw):
        """Of an open and of a closed flow: without what decides it, and with it again."""
        told = self.predict(made, flows)
        for answer in (PredictedDecision.ALLOW, PredictedDecision.DENY):
            alike = [f for f, one in zip(flows, told, strict=True) if one.decision is answer]
            if alike:
                flow = draw(st.sampled_from(alike))
                fewer = until_it_changes(made, partial(self._predict_one, flow))
                self.counted["changed" if fewer.changed else "open all the same"] += 1
                for policies in (fewer.policies, fewer.put_back):
                    yield from self.differences(policies, flows)

    def assert_decided(self, cases):
        """Of so many cases nothing was left out, and neither open nor closed flows are few."""
        counted = self.counted
        print(f"{self.engine}: {dict(counted)}")
        flows = sum(counted[word] for word in ("allow", "deny", "dns timeout"))

        assert counted["cases"] >= cases
        assert counted["left out"] == 0
        assert counted["allow"] > flows / 4
        assert counted["deny"] > flows / 4


def _differs(flow):
    return not flow.passed or prediction_words(flow.predicted) != str(flow.expected)


def _spell(flow):
    seen = f"expected {flow.expected}, seen {flow.seen} ({reason_words(flow.reason)})"
    return f"{flow.name}: predicted {prediction_words(flow.predicted)}, {seen}"


@pytest.fixture(scope="module")
def live(target, connected, tmp_path_factory):
    made = Live(target, connected(Mode.SMOKE), tmp_path_factory.mktemp("differ"))
    yield made
    restored = made.run.close()
    print(made.engine, dict(made.counted))
    assert restored.complete, restored.problems


_ports = st.tuples(st.sampled_from([80, 81]), st.sampled_from(["tcp", "udp"]))


@st.composite
def asked(draw):
    """From every pod: to two pods, which may be itself, and to a Service."""
    found = []
    for source in PODS:
        for other in draw(st.permutations([*PODS]))[:2]:
            found.append((source, other, *draw(_ports)))
        found.append((source, draw(st.sampled_from([*SERVICES])), 8000, "tcp"))
    return found


@pytest.mark.timeout(900)
@thorough(CASES)
@given(data=st.data())
def test_evaluator_agrees_with_a_real_cluster(live, data):
    among = [*live.spaces.values()]
    made = data.draw(policies(live.specs, max_policies=4, namespaces=among))
    differences = live.differences(made, data.draw(asked()))
    assert not differences, "\n".join(differences)
