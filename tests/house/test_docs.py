"""The documentation lists what the code has."""

import importlib.machinery
import importlib.util
import pathlib
import types

ROOT = pathlib.Path(__file__).parents[2]


def _script(name: str) -> types.ModuleType:
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROOT / "scripts" / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_how_it_decides_lists_every_reason() -> None:
    module = _script("reasons-page")
    page = module.PAGE.read_text()
    assert module.filled(page) == page, "run scripts/reasons-page"


def test_functions_page_is_the_list() -> None:
    module = _script("functions-page")
    assert module.PAGE.read_text() == module.page(), "run scripts/functions-page"


def test_readme_shows_commands_that_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in ("scripts/run", "scripts/test"):
        assert name in readme
        assert (ROOT / name).exists()
