"""
What the manifests mean. Pure: parsed objects in, values out.

- `source`, `reading`, `subjects`, `changes`: documents and API objects become the nouns of
  `objects` (policies) and `ends` (pods, namespaces, Services, nodes, places), held by `world`;
- `evaluate` decides one flow, `matrix` all of them, `diff` what two worlds decide differently;
- `causes`, `explain`, `describe`, `remedy`, `hops` say it in sentences;
- `scenes` tells a story without a cluster, for `forecast`, `coverage` and `mutate`;
- `lint` and `sarif` find what is odd, `suggest` writes a first story, `compare` names what
  stands alone of expected, predicted and observed.

The reading of the specification, corner by corner: docs/semantics.md.
"""
