"""
Asking the network from inside a pod.

`debug_pod_manifest` writes debug pods, `sources` runs them, `prober` keeps one exec per source
open and asks through it, `prober.sh` is what runs inside. `commands` chooses the tool that asks,
`parsers` say what its output means.
Nothing here knows what is expected.
"""
