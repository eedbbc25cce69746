"""
What the manifests mean. Pure: parsed objects in, values out.

`source` and `reading` turn documents and API objects into the nouns of `objects` (policies) and
`ends` (pods, namespaces, Services, nodes, places); `world` holds them together. `evaluate`
decides one flow, `matrix` all of them, `explain` puts either into sentences.
"""
