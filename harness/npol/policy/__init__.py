"""
What the manifests mean. Pure: parsed objects in, values out.

- `objects` has the nouns: policies, pods, namespaces, Services, external endpoints, dialects;
- `parse` makes them of manifests and API objects; `state` holds all that decides a flow at one
  moment, and applies changes to it;
- `evaluate` decides one flow, `matrix` all of them, and what two states decide differently;
- `explain` says it in sentences, with what would mend it;
- `simulate` runs a story without a cluster, and compares what it expects with that;
- `lint` finds what is odd, `suggest` writes a first story.

The reading of the specification, corner by corner: docs/semantics.md.
"""
