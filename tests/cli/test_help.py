"""What help and completion say."""

from __future__ import annotations

import enum
import json
import re

import pytest
import typer

from npol.cli.app import COMMANDS, EXAMPLES, load
from npol.cli.arguments.completion import contexts, flows, steps


@pytest.mark.parametrize("command", COMMANDS)
def test_each_help_ends_with_an_example_of_known_options(command):
    loaded = load(command)
    names = {name for parameter in loaded.params for name in parameter.opts}

    assert loaded.epilog == f"Example: {EXAMPLES[command]}"
    assert EXAMPLES[command].startswith(f"npol {command}")
    assert set(re.findall(r"--[\w-]+", EXAMPLES[command])) <= names


def line(**params):
    """What was typed so far."""
    context = typer.Context(load("run"))
    context.params = params
    return context


def test_contexts_of_the_kubeconfig_complete(tmp_path):
    entry = {"context": {"cluster": "c", "user": "u"}}
    file = tmp_path / "config"
    named = [{"name": name, **entry} for name in ("dev", "demo", "prod")]
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "contexts": named}))

    assert contexts(line(kubeconfig=str(file)), "de") == ["dev", "demo"]
    assert contexts(line(kubeconfig=str(tmp_path / "none")), "") == []


def test_steps_and_peers_of_the_story_complete(tmp_path):
    story = tmp_path / "a.npol.yaml"
    story.write_text("peers: {web: {}, db: {}}\nsteps: [{name: open}, {name: deny all}]\n")

    assert steps(line(stories=(str(story),)), "d") == ["deny all"]
    assert steps(line(story=str(story)), "") == ["open", "deny all"]
    assert flows(line(story=str(story)), "w") == ["web -> "]
    assert steps(line(story="nowhere"), "") == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_default_that_is_one_of_several_words_is_written_as_it_is_typed(name):
    """Typer before 0.29 looks its value up by its text."""
    defaults = [parameter.default for parameter in load(name).params]
    for default in (d for d in defaults if isinstance(d, enum.Enum)):
        assert str(default) == default.value
