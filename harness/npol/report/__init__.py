"""
Reports: text from values. Nothing here asks a cluster or reads a clock.

`failure` explains one failed flow, `grid` lays the flows of a step out as a table; `terminal`,
`pytest_text`, `markdown`, `html`, `annotations` and `graph` put them on a page, `json` keeps a
run for later.
"""
