"""The front door: what `import npol` offers."""

import subprocess
import sys

import npol


def test_public_names_are_these():
    assert set(npol.__all__) == {
        "ExitCode",
        "NpolError",
        "Options",
        "StoryReport",
        "StoryRun",
        "__version__",
        "expand",
        "load_story",
        "to_json",
    }
    assert all(getattr(npol, name) is not None for name in npol.__all__)


def test_loading_the_plugin_loads_no_client():
    """Every test session of a user pays for what the plugin imports."""
    heavy = "kubernetes", "pydantic", "aiohttp", "jinja2", "typer", "rich"
    code = f"import sys, npol.pytest_plugin; print([m for m in {heavy!r} if m in sys.modules])"

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip() == "[]"
