"""What help and completion say."""

from __future__ import annotations

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
