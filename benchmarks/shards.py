"""
How many stories one part can divide: `python benchmarks/shards.py [STORIES] [PARTS]`.

Writes so many stories of ten flows, each in a namespace of its own, and divides them. Prints the
seconds of CPU that it takes to load and to divide them, the least and the most loaded part, and
npol's memory.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from npol.cli.story_files import load_stories, story_files
from npol.model.story import Story
from npol.run.shards import Shard

STORY = """
version: 1
peers:
  web: {{namespace: {name}, labels: {{app: web}}}}
  stranger: {{namespace: {name}, labels: {{}}}}
  db: {{namespace: {name}, service: db}}
steps:
  - name: as it must be
    flows: [{flows}]
"""
FLOWS = 10


def written(folder: Path, count: int) -> None:
    flow = "{{from: {}, to: db, port: {}, expect: {}}}"
    pairs = [("web", "allow"), ("stranger", "deny")]
    flows = [flow.format(who, 8000 + n, what) for n in range(FLOWS // 2) for who, what in pairs]
    for n in range(count):
        text = STORY.format(name=f"team-{n}", flows=", ".join(flows))
        (folder / f"team-{n}.npol.yaml").write_text(text)


def weight(stories: list[Story]) -> int:
    return sum(len(step.flows) for story in stories for step in story.steps)


def main(count: int, parts: int) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        written(folder, count)
        began = time.process_time()
        stories = load_stories(story_files([made]), root=made, overlay=None)
        loaded = time.process_time()
        weights = [weight(Shard(index=n, count=parts).of(stories)) for n in range(parts)]
        divided = (time.process_time() - loaded) / parts
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count} stories, {count * FLOWS} flows: loaded in {loaded - began:.1f} s of CPU")
    print(f"divided in {divided:.2f} s by each part; {min(weights)} to {max(weights)} flows a part")
    print(f"npol's memory {memory:.0f} MB")


if __name__ == "__main__":
    count, parts = (*map(int, sys.argv[1:3]), *(1000, 10)[len(sys.argv[1:3]) :])
    main(count, parts)
