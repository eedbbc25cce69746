"""
docs/reference/story.md: each key of the story language, from the models of story files.

Examples are the shortest values that the stories of `fixtures/` have, so each of them is part of
something that runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from npol.story.schema.json_schema import schema
from npol.story.schema.story import StoryEntry
from npol.story.schema.values import Entry
from npol.yaml_positions import YamlDialect, load

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/reference/story.md"
FIRST = ROOT / "fixtures/first-steps/shop.npol.yaml"
STORIES = [
    *sorted(ROOT.glob("fixtures/reference/*.npol.yaml")),
    ROOT / "fixtures/reference/rendered.yaml",
    *sorted(ROOT.glob("fixtures/*/*.npol.yaml")),
]
TOP = StoryEntry.__name__
PLAIN = re.compile(r"[A-Za-z./][\w./ -]*|\d+(ms|s|m|h|Mi)")
"""Texts that need no quotes in YAML."""
WIDE = 72
"""Longer examples are cut; the story that they are from is linked."""

HEAD = """# The story language

Written by `make reference` from the models that read story files; a test holds that it is up to
date. The same as a JSON Schema, for editors and hooks: `npol check --schema`.

A story, whole ([`first-steps`](../../fixtures/first-steps)):

```yaml
{story}```

- Only `version` and `steps` must be there. In the tables a key in bold must be there; *default* is
  what holds without the key, where that is a value.
- YAML is read as version 1.2: `no` and `on` are texts. A key that stands twice, or is in no table,
  is an error. Errors are told with file, line and column before any request is sent.
- A *duration* has a unit: `500ms`, `2s`, `1m`, `1h`.
- Paths are relative to the story's file and lie below the top of its git repository (or `--root`);
  a story, too, is no link to a place outside of it.
- What the words of `expect` mean and what they prove: [verdicts](../verdicts.md).
- Each example is from a story that runs; its link leads there.
- `version` changes only with a key that would be read otherwise than before: see
  [versions](versions.md).
"""

Rules = Mapping[str, Any]
Examples = Mapping[tuple[str, str], tuple[str, Path]]


def page() -> str:
    """
    The page.

    Raises:
        KeyError: a key that no story of `fixtures/` has.
    """
    made = schema()
    rules = {TOP: made, **made["definitions"]}
    models = {model.__name__: model for model in _models(Entry)}
    found = _examples(rules)
    head = HEAD.format(story=FIRST.read_text(encoding="utf-8"))
    return head + "".join(_section(n, rules, models[n], found) for n in _order(rules))


def _models(base: type[Entry]) -> Iterator[type[Entry]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _order(rules: Rules) -> list[str]:
    """The mappings, each behind the one that first has a key for it."""
    order = [TOP]
    for name in order:
        order += [n for n in dict.fromkeys(_refs(rules[name]["properties"])) if n not in order]
    return order


def _refs(rule: Any) -> Iterator[str]:
    """The mappings that a part of the schema names."""
    if isinstance(rule, dict):
        if "$ref" in rule:
            yield rule["$ref"].rpartition("/")[2]
        rule = list(rule.values())
    for part in rule if isinstance(rule, list) else ():
        yield from _refs(part)


def _section(name: str, rules: Rules, model: type[Entry], found: Examples) -> str:
    rule = rules[name]
    fields = {field.alias or key: field for key, field in model.model_fields.items()}
    rows = []
    for key, told in rule["properties"].items():
        meaning = told.get("description") or rules[next(_refs(told))]["description"]
        cells = (
            f"**`{key}`**" if fields[key].is_required() else f"`{key}`",
            _type(told, rules),
            _default(fields[key].default, told),
            meaning,
            _example(name, key, found),
        )
        rows.append(f"| {' | '.join(map(_cell, cells))} |")
    head = "| key | type | default | meaning | example |\n|---|---|---|---|---|"
    described = "\n\n".join(" ".join(p.split()) for p in rule["description"].split("\n\n"))
    return "\n".join((f"\n## {rule['title']}\n", described, "", head, *rows)) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _type(rule: Rules, rules: Rules) -> str:
    """What may stand there, in words; mappings of their own as links."""
    if "$ref" in rule:
        title = rules[next(_refs(rule))]["title"]
        return f"[{title}](#{re.sub('[^a-z0-9_-]', '', title.lower().replace(' ', '-'))})"
    if "anyOf" in rule:
        return " or ".join(dict.fromkeys(_type(part, rules) for part in rule["anyOf"]))
    if "const" in rule or "enum" in rule:
        return ", ".join(f"`{word}`" for word in rule.get("enum", [rule.get("const")]))
    kind = rule.get("type", "any value")
    if kind == "array":
        return f"list of {_type(rule['items'], rules)}"
    if kind == "object":
        inner = rule.get("additionalProperties")
        of = f" of names to {_type(inner, rules)}" if isinstance(inner, dict) else ""
        return f"mapping{of}"
    return _scalar(kind, rule)


def _scalar(kind: str, rule: Rules) -> str:
    if kind == "integer":
        return f"{rule['minimum']} to {rule['maximum']}" if "minimum" in rule else "integer"
    if kind == "string" and "(ms|s|m|h)" in rule.get("pattern", ""):
        return "duration"
    words = {"string": "text", "boolean": "`true`, `false`", "null": "`null`"}
    return words.get(kind, kind)


def _default(value: Any, rule: Rules) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float) and value:
        return f"`{value:g}s`" if value < 60 else f"`{value / 60:g}m`"
    return f"`{value}`" if isinstance(value, str | int) and value else ""


def _examples(rules: Rules) -> Examples:
    """For each key of each mapping the shortest value, of this page's own stories first."""
    found: dict[tuple[str, str], tuple[str, Path]] = {}
    for path in STORIES:
        documents = load(path.read_text(encoding="utf-8"), str(path), YamlDialect.STORY)
        for name, key, value in _values(documents[0].data, TOP, rules[TOP], rules):
            told = f"{key}: {_flow(value)}"
            best = found.get((name, key))
            if best is None or (best[1].parent == path.parent and len(told) < len(best[0])):
                found[name, key] = told, path
    return found


def _values(value: Any, name: str, rule: Rules, rules: Rules) -> Iterator[tuple[str, str, Any]]:
    """Each mapping's name, key and value in a part of a story."""
    if "$ref" in rule:
        name = next(_refs(rule))
        rule = rules[name]
    for part in rule.get("anyOf", ()):
        if _may_be(value, part, rules):
            yield from _values(value, name, part, rules)
            return
    for item in value if isinstance(value, list) and "items" in rule else ():
        yield from _values(item, name, rule["items"], rules)
    for key, item in value.items() if isinstance(value, dict) else ():
        known, other = rule.get("properties", {}), rule.get("additionalProperties")
        if key in known:
            yield name, key, item
        inner = known.get(key) or other
        yield from _values(item, name, inner if isinstance(inner, dict) else {}, rules)


def _may_be(value: Any, rule: Rules, rules: Rules) -> bool:
    if isinstance(value, list):
        return bool(rule.get("type") == "array")
    if not isinstance(value, dict):
        return False
    for name in _refs(rule) if "$ref" in rule else ():
        known = rules[name]
        return set(known.get("required", ())) <= set(value) <= set(known["properties"])
    return False


def _example(name: str, key: str, found: Examples) -> str:
    """An example and its story; ids of requirements are alike wherever they stand."""
    told, path = found[(name, key) if key != "covers" else ("StepEntry", key)]
    link = path.relative_to(ROOT)
    short = told if len(told) <= WIDE else f"{told[: WIDE - 4]} ..."
    return f"`{short}` [{path.parent.name}](../../{link})"


def _flow(value: Any) -> str:
    """A value as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and PLAIN.fullmatch(value):
        return value if value not in ("true", "false", "null") else f'"{value}"'
    return json.dumps(value)
