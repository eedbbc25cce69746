"""
What the manifests mean. Pure: parsed objects in, values out.

- `source`, `reading`, `subjects`, `changes`: documents and API objects become the nouns of
  `objects` (policies) and `ends` (pods, namespaces, Services, nodes, places), held by `world`;
- `evaluate` decides one flow, `matrix` all of them, `diff` what two worlds decide differently;
- `causes`, `explain`, `describe`, `remedy`, `hops` say it in sentences;
- `scenes` tells a story without a cluster, for `forecast`, `coverage` and `mutate`;
- `witness` finds a flow that tells a mutant, between the peers that `meeting` names, at the ports
  of which `listening` knows; `unproven` says why there is none;
- `lint` and `sarif` find what is odd, `suggest` writes a first story, `compare` names what
  stands alone of expected, predicted and observed.

The reading of the specification, corner by corner: docs/semantics.md.
"""
