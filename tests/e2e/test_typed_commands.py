"""The documents' commands, typed with the real kubectl: what they promise, or what is true."""

import pytest

from tests.typed import SCRIPTS, Typist

pytestmark = pytest.mark.lab


TYPED_ALWAYS = ("exercise-1",)
"""A short one; the others are typed at night."""


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(s, id=n, marks=[] if n in TYPED_ALWAYS else pytest.mark.nightly)
        for n, s in SCRIPTS.items()
    ],
)
def test_commands_in_the_documents_print_the_documented_output(tmp_path, lab, script):
    Typist(tmp_path, lab.kubeconfig, lab.context).type(script)
