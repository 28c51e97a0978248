"""The documentation lists what the code has."""

import importlib.machinery
import importlib.util
import pathlib

ROOT = pathlib.Path(__file__).parents[2]


def test_how_it_decides_lists_every_reason_and_function() -> None:
    script = str(ROOT / "scripts" / "reasons-page")
    loader = importlib.machinery.SourceFileLoader("reasons_page", script)
    spec = importlib.util.spec_from_loader("reasons_page", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    page = module.PAGE.read_text()
    assert module.filled(page) == page, "run scripts/reasons-page"


def test_readme_shows_commands_that_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in ("scripts/run", "scripts/test"):
        assert name in readme
        assert (ROOT / name).exists()
