"""The front door: what `import npol` offers."""

import npol


def test_public_names_are_these():
    assert set(npol.__all__) == {
        "ExitCode",
        "NpolError",
        "Options",
        "StoryReport",
        "StoryRun",
        "__version__",
        "load_story",
        "to_json",
    }
    assert all(getattr(npol, name) is not None for name in npol.__all__)
