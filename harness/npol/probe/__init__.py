"""
Asking the network from inside a pod.

`pods` writes debug pods, `sources` runs them, `prober` keeps one exec per source open and
asks through it, `prober.sh` is what runs inside, `reading` says what its tools' words mean.
Nothing here knows what is expected.
"""
