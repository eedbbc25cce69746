"""The commands of the page of record: every policy is in one of them."""

import pytest

from npol.cli.document import _one_step
from npol.document.story_document import meant, story_page
from npol.story import load_manifests

ONE = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: NAME}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""


def policy(name):
    return ONE.replace("NAME", name)


@pytest.fixture
def applying(tmp_path, monkeypatch):
    """The lines that apply these files by hand."""
    monkeypatch.chdir(tmp_path)

    def lines(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        story = _one_step("here", load_manifests(".", ".", namespace="default"))
        return story_page(meant(story), command="npol document", from_file=False).applying

    return lines


def test_a_file_of_two_namespaces_leaves_none_of_them_out(applying):
    both = f"{policy('deny, namespace: orders')}---{policy('deny, namespace: telemetry')}"

    lines = applying(a=both, b=policy("x, namespace: orders"), c=policy("z, namespace: storefront"))

    assert lines == (
        "kubectl --context CONTEXT apply -f a.yaml",
        "kubectl --context CONTEXT -n orders apply -f b.yaml",
        "kubectl --context CONTEXT -n storefront apply -f c.yaml",
    )


def test_objects_that_name_no_namespace_go_where_they_belong(applying):
    (line,) = applying(a=f"{policy('deny, namespace: orders')}---{policy('deny')}")

    assert line.startswith("kubectl --context CONTEXT apply -f - <<'END_OF_POLICY'\n")
    assert "namespace: orders" in line
    assert "namespace: default" in line
