"""The documents' commands, typed with the real kubectl at a real cluster."""

import secrets
from functools import partial
from pathlib import Path

import pytest

from npol.kube.connection import Mode
from npol.kube.objects import NAMESPACES, Ref
from tests.live.conftest import is_gone, wait_until
from tests.typed import SCRIPTS, Typist

pytestmark = [pytest.mark.live, pytest.mark.nightly, pytest.mark.timeout(600)]


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_commands_in_the_documents_print_the_documented_output(tmp_path, target, connected, script):
    space = f"npol-live-{secrets.token_hex(4)}"
    names = [space, *(f"{space}-{name}" for name in script.namespaces)]
    connection = connected(Mode.APPLY)
    connection.permit(namespaces=names, kinds=[NAMESPACES])
    connection.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
    typist = Typist(tmp_path, Path(target.kubeconfig), target.context, space)
    try:
        typist.type(script)
    finally:
        for name in names:
            if connection.get(Ref(NAMESPACES, "", name)):
                connection.delete(Ref(NAMESPACES, "", name))
        for name in names:
            wait_until(partial(is_gone, connection, Ref(NAMESPACES, "", name)), f"{name} to go")
