"""The documents' commands, typed with the real kubectl: what they promise, or what is true."""

import pytest

from tests.typed import SCRIPTS, Typist

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_commands_in_the_documents_print_the_documented_output(tmp_path, lab, script):
    Typist(tmp_path, lab.kubeconfig, lab.context).type(script)
