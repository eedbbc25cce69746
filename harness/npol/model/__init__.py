"""
The frozen nouns that every room shares. No I/O, no YAML, no HTTP.

`expectation` and `story` hold what a file says, `probe` what is asked of the network and what
it answered, `result` what npol makes of it.
"""
