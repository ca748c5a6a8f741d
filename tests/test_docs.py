"""The documentation knows everything public, its examples compile and some run, and its links lead somewhere.

All examples run when the documentation is built (``nox -s docs``); here two quick ones do.
Doctests are collected from `sere` itself, with the rest of the suite.
"""

import doctest
import importlib
import inspect
import re
import runpy
from pathlib import Path

import pytest

import sere

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
EXAMPLES = sorted((ROOT / "examples").rglob("plot_*.py"))
#: They need a corpus, minutes, and onnx.
UNSHOWN = ("load_corpus", "demo", "export_onnx")
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])


def public():
    """Yield the module, the name and the object of everything public."""
    for name in ("sere", *(f"sere.{module}" for module in sere._MODULES)):
        module = importlib.import_module(name)
        own = [key for key, value in vars(module).items() if getattr(value, "__module__", "") == name]
        for key in getattr(module, "__all__", [key for key in own if not key.startswith("_")]):
            thing = getattr(module, key)
            if not inspect.ismodule(thing) and key != "__version__":
                yield name, key, thing


def test_the_reference_lists_everything_public():
    listed, module = set(), ""
    for line in (DOCS / "api.rst").read_text(encoding="utf-8").splitlines():
        current = re.match(r"\.\. (?:currentm|m)odule:: (\S+)", line)
        entry = re.match(r"(?:   |\.\. data:: )([\w.]+)$", line)
        module = current[1] if current else module
        listed |= {f"{module}.{entry[1]}"} if entry else set()
    homes = {id(getattr(sere, name)): f"sere.{name}" for name in sere._HOMES}
    for name, key, thing in public():
        assert homes.get(id(thing), f"{name}.{key}") in listed, f"{name}.{key}"


def test_everything_public_that_can_be_called_has_an_example_that_runs():
    lacking = []
    for name, key, thing in public():
        if inspect.isclass(thing) or inspect.isfunction(thing):
            examples = doctest.DocTestParser().get_examples(inspect.getdoc(thing) or "")
            skipped = [example for example in examples if example.options.get(doctest.SKIP)]
            if len(examples) == len(skipped) and key not in UNSHOWN:
                lacking.append(f"{name}.{key}")
    assert not lacking


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_page_of_the_gallery(path):
    text = path.read_text(encoding="utf-8")
    compile(text, str(path), "exec")
    title, rule = text.splitlines()[1:3]
    assert rule == "=" * len(title)
    assert "plt.show()" in text


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive:UserWarning")
@pytest.mark.parametrize("name", ["insight/plot_dynamics", "parts/plot_pipeline"])
def test_an_example_runs(name, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.delenv("SERE_CORPORA", raising=False)
    plt.close("all")
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"))
    assert plt.get_fignums()
    plt.close("all")


def headings(path):
    """Return the anchors of a page's headings."""
    found = re.findall(r"^#{1,3} (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target or target.startswith("auto_examples/index"):
            continue
        name, _, anchor = target.partition("#")
        if name.startswith("auto_examples/"):
            part, example = re.match(
                r"auto_examples/(\w+)/(?:images/sphx_glr_)?(plot_\w+?)(?:_\d+\.png)?$", name
            ).groups()
            assert ROOT / "examples" / part / f"{example}.py" in EXAMPLES, target
            continue
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{target} of {page.name}"
        assert not anchor or anchor in headings(there), f"{target} of {page.name}"


def test_every_page_is_in_a_table_of_contents():
    listed = set()
    for page in DOCS.glob("*.md"):
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
            listed |= set(tree.split())
    for page in [*DOCS.glob("*.md"), *DOCS.glob("*.rst")]:
        assert page.stem == "index" or page.stem in listed, page.name
