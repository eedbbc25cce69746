"""Documents whose YAML is what is odd about them: kubectl reads them, or does not."""

from __future__ import annotations

_POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: default}}
spec:
  podSelector: {{matchLabels: {{{label}}}}}
  policyTypes: [Ingress]
"""


def _labelled(label: str) -> str:
    return _POLICY.format(name="web", label=label)


def _named(name: str) -> str:
    return _POLICY.format(name=name, label="app: web")


_HEAD = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: default}
"""

TEXTS = {
    # plain words that YAML 1.1 takes for something else
    **{
        f"label-value-{word}": _labelled(f"app: {word}")
        for word in (
            *("y", "n", "yes", "No", "on", "OFF", "true", "False", "null", "~", "Null", "tRue"),
            *("1", "0x1F", "0o17", "017", "0b11", "1_000", "-7", "+7", "08", "1e3", "1.5", ".5"),
            *("1.", ".inf", ".nan", "-.INF", "12:30", "190:20:30", "2024-01-01", "=", "1.2.3"),
            *("2024-01-01T00:00:00Z", "0x", "0_", "_1", "1__0", "1e400", "0.1e-400", "'1'", '"no"'),
            *(
                "!!str 1",
                "!!int '1'",
                "!!binary aGk=",
                "! 1",
                "!!float 1",
                "!secret x",
                "!!bool 'on'",
            ),
        )
    },
    **{
        f"label-key-{word}": _labelled(f"{word}: web")
        for word in (
            *("on", "y", "no", "true", "1", "017", "1.5", "null", "~", "0x1F", "1e3", "'on'"),
            *("? app", "!!str on", "<<", "=", "12:30", "2024-01-01"),
        )
    },
    **{f"name-{word}": _named(word) for word in ("on", "1", "1e3", "07", "web # note", "0x10")},
    # keys that stand twice
    "twice-in-spec": _HEAD + "spec:\n  podSelector: {}\n  podSelector: {matchLabels: {a: b}}\n",
    "twice-at-the-top": _HEAD + "spec: {podSelector: {}}\nspec: {podSelector: {bogus: 1}}\n",
    "twice-as-on-and-true": _labelled("on: a, 'true': b"),
    "twice-as-1-and-text": _labelled("1: a, '1': b"),
    # anchors, aliases, merge keys
    "anchor": _HEAD + "spec:\n  podSelector: &s {matchLabels: {app: web}}\n"
    "  ingress: [{from: [{podSelector: *s}]}]\n",
    "anchor-redefined": _HEAD + "spec:\n  podSelector: &s {}\n"
    "  ingress: [{from: [{podSelector: &s {matchLabels: {a: b}}}, {podSelector: *s}]}]\n",
    "alias-unknown": _HEAD + "spec: {podSelector: *nowhere}\n",
    "alias-to-itself": _HEAD + "spec: &s {podSelector: *s}\n",
    "merge": _HEAD + "spec:\n  podSelector: {matchLabels: &l {app: web}}\n"
    "  ingress: [{from: [{podSelector: {matchLabels: {<<: *l, tier: x}}}]}]\n",
    "merge-first-wins-or-last": _HEAD + "spec:\n  podSelector: {matchLabels: &l {app: web}}\n"
    "  ingress: [{from: [{podSelector: {matchLabels: {app: other, <<: *l}}}]}]\n",
    "merge-before-own": _HEAD + "spec:\n  podSelector: {matchLabels: &l {app: web}}\n"
    "  ingress: [{from: [{podSelector: {matchLabels: {<<: *l, app: other}}}]}]\n",
    "merge-list": _HEAD + "spec:\n  podSelector: {matchLabels: {<<: [{a: x}, {a: y, b: z}]}}\n",
    "merge-a-text": _HEAD + "spec:\n  podSelector: {matchLabels: {<<: text}}\n",
    "merge-null": _HEAD + "spec:\n  podSelector: {matchLabels: {<<: }}\n",
    "merge-quoted": _HEAD + "spec:\n  podSelector: {matchLabels: {'<<': a}}\n",
    "merge-inside-key-before": _HEAD + "spec:\n  <<: {podSelector: {}, policyTypes: [Egress]}\n"
    "  policyTypes: [Ingress]\n",
    # documents
    "two-documents": _named("a") + "---\n" + _named("b"),
    "empty-document": "---\n---\n" + _named("a") + "---\n",
    "comment-alone": "# nothing here\n",
    "nothing": "",
    "separator-with-comment": "--- # first\n" + _named("a"),
    "separator-with-content": "--- {apiVersion: v1, kind: Namespace, metadata: {name: x}}\n",
    "separator-in-a-block": _HEAD.replace(
        "{name: web, namespace: default}",
        "\n  name: web\n  annotations:\n    text: |\n      a\n---\n      b\n",
    )
    + "spec: {podSelector: {}}\n",
    "end-mark": _named("a") + "...\n---\n" + _named("b"),
    "end-mark-and-more": _named("a") + "...\n" + _named("b"),
    "directive": "%YAML 1.1\n---\n" + _named("a"),
    "directive-1.2": "%YAML 1.2\n---\n" + _named("a"),
    "anchor-of-another-document": "a: &x {}\n---\n" + _HEAD + "spec: {podSelector: *x}\n",
    "byte-order-mark": "\ufeff" + _named("a"),
    "windows-lines": _named("a").replace("\n", "\r\n"),
    "a-text": "just text\n",
    "a-list": "- a\n- b\n",
    "a-number": "7\n",
    "json": '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}\n',
    "json-with-tabs": '{\n\t"apiVersion": "v1",\n\t"kind": "Namespace",\n'
    '\t"metadata": {"name": "x"}\n}\n',
    "two-json": '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}\n'
    '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "y"}}\n',
    # what does not parse
    "tab": _HEAD + "spec:\n\tpodSelector: {}\n",
    "template": _HEAD + "spec:\n  podSelector: {{ .Values.selector }}\n",
    "template-in-a-text": _HEAD.replace(
        "namespace: default", "namespace: default, annotations: {a: '{{ x }}'}"
    )
    + "spec: {podSelector: {}}\n",
    "template-as-a-name": _named("'{{ .Release.Name }}'"),
    "variable-as-a-name": _named("'${NAME}'"),
    "open-bracket": _HEAD + "spec: {podSelector: {}\n",
    "bad-indent": _HEAD + "spec:\n  podSelector: {}\n ingress: []\n",
    "complex-key": _HEAD + "spec: {podSelector: {}, ? [a] : b}\n",
    "key-a-map": _HEAD + "spec: {podSelector: {}, {a: b}: c}\n",
    "no-break-space": _HEAD + "spec:\n\u00a0 podSelector: {}\n",
    "control-character": _HEAD + 'spec: {podSelector: {matchLabels: {a: "\x07"}}}\n',
    "escaped-control": _HEAD + 'spec: {podSelector: {matchLabels: {a: "\\x07"}}}\n',
    "folded": _HEAD + "spec:\n  podSelector:\n    matchLabels:\n      app: >-\n        web\n",
    "block-with-newline": _HEAD
    + "spec:\n  podSelector:\n    matchLabels:\n      app: |\n        web\n",
    "multi-line-plain": _HEAD
    + "spec:\n  podSelector:\n    matchLabels:\n      app: a\n        b\n",
    "emoji": _HEAD.replace("default", "default, annotations: {a: \U0001f600}")
    + "spec: {podSelector: {}}\n",
    "set": _HEAD + "spec: {podSelector: {}, policyTypes: !!set {Ingress, Egress}}\n",
    "omap": _HEAD + "spec: {podSelector: !!omap []}\n",
    "flow-key-without-value": _HEAD + "spec: {podSelector: {matchLabels: {app}}}\n",
}
