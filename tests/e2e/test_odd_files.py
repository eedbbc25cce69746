"""`npol check` on files as they come: each oddity is one clear finding, and the rest is read."""

import json

import pytest

from npol.errors import ExitCode

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress: [{from: []}]
"""
OTHER = POLICY.replace("namespace: x", "namespace: w")
JSON = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "p", "namespace": "x"},
    "spec": {"policyTypes": ["Ingress"], "ingress": [{"from": []}]},
}
TWICE = POLICY + "  policyTypes: [Ingress, Egress]\n"
LIST = (
    "apiVersion: v1\nkind: List\nitems:\n- "
    + POLICY.replace("\n", "\n  ").rstrip()
    + "\n- "
    + TWICE.replace("name: p", "name: r, ownerReferences: [{kind: A}]")
    .replace("ingress: [{from: []}]", "ingress: []")
    .replace("\n", "\n  ")
    .rstrip()
    + "\n"
)
FROM = "NP034 warning: an empty `from` allows every peer"
UNRENDERED = "an unrendered template"
RENDER = " - render it first: helm template CHART > FILE"
STANDS_TWICE = (
    " - the last one wins, and kubectl drops the first without a word; an API server that is sent "
    "both refuses them if it validates strictly: join the two or drop one"
)
ODD = [
    pytest.param({"p.yaml": LIST}, 1, [
        f"p.yaml:10:16: {FROM}",
        "p.yaml:18:5: NP002 error: key 'policyTypes' stands twice here, first at p.yaml:16:5",
    ], id="list"),
    pytest.param({"p.yaml": f"---\n# nothing\n---\n{POLICY}---\n---\n{OTHER}---\n"}, 0, [
        f"p.yaml:10:14: {FROM}",
        f"p.yaml:19:14: {FROM}",
    ], id="empty-documents"),
    pytest.param({"p.yaml": POLICY.replace("\n", "\r\n")}, 0, [f"p.yaml:7:14: {FROM}"], id="crlf"),
    pytest.param({"p.yaml": POLICY.encode("utf-8-sig")}, 0, [f"p.yaml:7:14: {FROM}"], id="bom"),
    pytest.param({"p.yaml": POLICY.encode("utf-16")}, 1, [
        "p.yaml:1:1: NP008 error: not UTF-8 text: invalid start byte",
    ], id="utf-16"),
    pytest.param({"p.yaml": POLICY.replace("  ingress", "\tingress"), "q.yaml": POLICY}, 1, [
        "p.yaml:7:1: NP008 error: not YAML: a tab, where only blanks indent",
        f"q.yaml:7:14: {FROM}",
    ], id="tabs"),
    pytest.param({"p.yaml": POLICY.replace("p,", "\x07,")}, 1, [
        "p.yaml:3:18: NP008 error: control character '\\x07'",
    ], id="control-character"),
    pytest.param({"p.json": json.dumps(JSON, indent=2)}, 0, [f"p.json:14:9: {FROM}"], id="json"),
    pytest.param({"p.json": json.dumps(JSON, indent="\t")}, 0, [
        f"p.json:14:5: {FROM}",
    ], id="json-with-tabs"),
    pytest.param({
        "p.yaml": POLICY,
        "ci.yaml": "on: push\n",
        "list.yaml": "- 1\n",
        "word.yaml": "hello\n",
        "notes.txt": "\t",
        ".github/ci.yaml": "\t",
    }, 0, [
        f"p.yaml:7:14: {FROM}",
    ], id="no-kubernetes"),
    pytest.param({
        "Chart.yaml": "apiVersion: v2\nname: c\n",
        "values.yaml": "a: 1\n",
        "templates/bare.yaml": POLICY.replace("name: p", "name: {{ .Release.Name }}"),
        "templates/block.yaml": f"{{{{- if .Values.a }}}}\n{POLICY}{{{{- end }}}}\n",
        "templates/quoted.yaml": POLICY.replace("name: p", 'name: "{{ .Release.Name }}"'),
    }, ExitCode.UNKNOWN, [], id="helm-chart-that-cannot-be-rendered"),
    pytest.param({
        "t/bare.yaml": POLICY.replace("name: p", "name: {{ .Release.Name }}"),
        "t/block.yaml": f"{{{{- if .Values.a }}}}\n{POLICY}{{{{- end }}}}\n",
        "t/quoted.yaml": POLICY.replace("name: p", 'name: "{{ .Release.Name }}"'),
    }, 1, [
        f"t/bare.yaml:3:18: NP008 error: {UNRENDERED}{RENDER}",
        f"t/block.yaml:1:1: NP008 error: {UNRENDERED}{RENDER}",
        f"t/quoted.yaml:3:18: NP008 error: {UNRENDERED}: '{{{{ .Release.Name }}}}'{RENDER}",
    ], id="templates"),
    pytest.param({"p.yaml": TWICE}, 1, [
        f"p.yaml:7:14: {FROM}",
        "p.yaml:8:3: NP002 error: key 'policyTypes' stands twice here, first at p.yaml:6:3"
        + STANDS_TWICE,
    ], id="key-twice"),
    pytest.param({"p.yaml": POLICY.replace(", namespace: x", "")}, 0, [
        "p.yaml:3:11: NP005 note: no namespace",
        f"p.yaml:7:14: {FROM}",
    ], id="no-namespace"),
    pytest.param({"p.yaml": POLICY.replace("name: p, ", ""), "q.yaml": POLICY}, 1, [
        "p.yaml:3:11: NP008 error: NetworkPolicy without a `metadata.name`",
        f"q.yaml:7:14: {FROM}",
    ], id="no-name"),
]  # fmt: skip


def write(directory, files):
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(("files", "code", "findings"), ODD)
def test_an_odd_file_is_a_clear_finding_and_the_rest_is_linted(
    tmp_path, npol_here, files, code, findings
):
    write(tmp_path, files)

    done = npol_here("check", ".")

    lines = done.stdout.splitlines()
    told = lines[: lines.index(f"{len(findings)} finding(s)")]
    assert done.returncode == code
    for line, wanted in zip(told, findings, strict=True):
        assert line.startswith(wanted)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"ci.yaml": "on: push\n"}, ".:1:1: there are no manifests here\nci.yaml:1:1: not a Kub"),
        ({}, ".:1:1: there are no manifests here"),
    ],
    ids=["nothing-of-kubernetes", "empty"],
)
def test_where_nothing_can_be_checked_nothing_is_said_to_be_well(
    tmp_path, npol_here, files, message
):
    write(tmp_path, files)

    done = npol_here("check", ".")

    assert done.returncode == ExitCode.BAD_INPUT
    assert message in done.stderr


def test_a_key_that_stands_twice_in_a_list_is_its_own_objects(tmp_path, npol_here):
    write(tmp_path, {"p.yaml": LIST})

    done = npol_here("check", "--format", "sarif", "p.yaml")

    (run,) = json.loads(done.stdout)["runs"]
    (twice,) = (r for r in run["results"] if r["ruleId"] == "NP002")
    (place,) = twice["locations"]
    assert place["logicalLocations"] == [{"fullyQualifiedName": "NetworkPolicy x/r"}]


def test_the_reading_that_wins_is_the_one_that_is_linted(tmp_path, npol_here):
    """The first `ingress` is dropped, as kubectl does: nothing is said of it."""
    text = POLICY.replace("ingress: [{from: []}]", "ingress: [{from: []}]\n  ingress: [{}]")
    write(tmp_path, {"p.yaml": text})

    done = npol_here("check", "p.yaml")

    assert FROM not in done.stdout
    assert "p.yaml:8:13: NP033 note: this rule allows all ingress" in done.stdout


def test_manifests_beside_a_directory_of_stories_are_linted_too(tmp_path, npol_here):
    story = "version: 1\nname: s\npeers: {a: {namespace: x, labels: {app: a}}}\nsteps: []\n"
    write(tmp_path, {"stories/s.npol.yaml": story, "more/p.yaml": POLICY})

    done = npol_here("check", "stories", "more")

    assert f"more/p.yaml:7:14: {FROM}" in done.stdout


def test_explain_passes_over_what_is_no_object_and_refuses_what_it_cannot_read(tmp_path, npol_here):
    write(tmp_path, {"p.yaml": POLICY, "values.yaml": "a: 1\n"})
    assert "x/p selects every pod" in npol_here("explain", "x/p", ".").stdout

    write(tmp_path, {"twice.yaml": TWICE})
    done = npol_here("explain", "x/p", ".")

    assert done.returncode == ExitCode.BAD_INPUT
    assert "twice.yaml:8:3: key 'policyTypes' stands twice here" in done.stderr
