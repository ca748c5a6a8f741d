"""The house rules that a reader of the code relies on: light imports, layers, sizes, commands."""

import ast
import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import sere

ROOT = Path(__file__).parent.parent
PACKAGE = Path(sere.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
HEAVY = {"torch", "transformers", "numba", "librosa", "sklearn", "pandas", "scipy", "matplotlib"}

# From the bottom up: a part of the library may import itself and what is in the layers below.
LAYERS = [
    {"files", "loops", "method", "progress"},
    {"audio", "kernels"},
    {"store", "tracks"},
    {"extraction", "inputs"},
    {"calibration", "datasets", "metrics", "provenance"},
    {"encoders", "selection"},
    {"chain"},
    {"checks", "training"},
    {"recordings"},
    {"estimators"},
    {"baselines", "plotting"},
    {"evaluation", "labeling"},
    {"persistence", "timelines"},
    {"report"},
    {"cli"},
    {"__main__"},
]
#: Modules that are longer than the others may be, until they are taken apart.
LONG: set[str] = set()


def test_importing_sere_loads_nothing_heavy():
    code = f"import sys, sere; print(sorted({HEAVY!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize("name", sere.__all__)
def test_every_public_name_is_there(name):
    assert getattr(sere, name) is not None
    assert name in dir(sere)


@pytest.mark.parametrize("name", ["sere", *(f"sere.{module}" for module in sere._MODULES)])
def test_every_name_a_module_hands_out_has_a_docstring(name):
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", ()):
        handed = getattr(module, public)
        assert not callable(handed) or (handed.__doc__ or "").strip(), public


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="tuning"):
        _ = sere.tuning


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_opens_with_what_it_is_and_stays_short(path):
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text))
    short = text.count("\n") <= 400
    assert short != (path.relative_to(PACKAGE).as_posix() in LONG)


def dotted(path, root=PACKAGE):
    """Return a module's name: ``sere.audio`` of ``sere/audio/__init__.py``."""
    return ".".join([root.name, *path.relative_to(root).with_suffix("").parts]).removesuffix(".__init__")


def graph_of(root, homes):
    """Return what each module below a folder imports of the package, inside functions, too, but not for types alone.

    The package itself hands out what `homes` names, so a name taken from it is an import of its home.
    """
    modules = {dotted(path, root): path for path in root.rglob("*.py")}
    names = {f"{root.name}.{name}": home for name, home in homes.items()}
    graph = {}
    for module, path in modules.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        named = set(named_in(ast.parse(path.read_text()), package))
        found = {names.get(name) or next(part for part in heads(name) if part in modules or not part) for name in named}
        graph[module] = found - {"", root.name, module}
    return graph


def heads(name):
    """Yield a dotted name, then without its last part, and so on; the empty name in the end."""
    while name:
        yield name
        name = name.rpartition(".")[0]
    yield ""


def named_in(node, package):
    """Yield the dotted names that a part of a module imports, or reaches through a package that it imported."""
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
        yield from (".".join([*above, *([node.module] if node.module else []), alias.name]) for alias in node.names)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sere":
        yield f"sere.{node.attr}"
    for child in ast.iter_child_nodes(node):
        yield from named_in(child, package)


def circles_in(graph):
    """Return the sets of modules that import each other, at any distance."""
    reached = {module: set(ahead) for module, ahead in graph.items()}
    while any(more - reached[module] for module in graph for more in map(reached.get, tuple(reached[module]))):
        for module in graph:
            reached[module] |= set().union(*map(reached.get, reached[module]))
    return {frozenset(other for other in ahead if module in reached[other]) for module, ahead in reached.items()} - {
        frozenset()
    }


def part(module):
    """Return the part of the library that a module is in, by which layers go."""
    return module.split(".")[1]


GRAPH = graph_of(PACKAGE, sere._HOMES)


def test_no_module_imports_itself_by_way_of_others():
    assert circles_in(GRAPH) == set()


@pytest.mark.parametrize("module", sorted(set(GRAPH) - {"sere"}))
def test_imports_go_down_only(module):
    level = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    assert part(module) in level, "say in which layer it is"
    others = {part(other) for other in GRAPH[module]} - {part(module)}
    assert {other for other in others if level[other] >= level[part(module)]} == set()


def test_the_package_itself_imports_nothing_of_the_library():
    assert GRAPH["sere"] == set()


def test_imports_are_written_out_as_the_digests_of_code_read_them():
    nodes = [node for path in MODULES for node in ast.walk(ast.parse(path.read_text()))]
    assert not [ast.unparse(node) for node in nodes if isinstance(node, ast.ImportFrom) and node.level]


def test_imports_are_found_wherever_they_stand(tmp_path):
    texts = {
        "__init__": "",
        "low/__init__": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lib.top\n",
        "low/a": "from .b import f\n",
        "low/b": "def f():\n    from lib.low import c\n",
        "low/c": "class C:\n    def m(self):\n        import lib.low.a\n",
        "top": "from lib import Thing\nfrom lib.low.a import f as g\nfrom json import loads\n",
    }
    for name, text in texts.items():
        file = tmp_path / "lib" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    graph = graph_of(tmp_path / "lib", {"Thing": "lib.low.c"})
    assert graph["lib.top"] == {"lib.low.a", "lib.low.c"}
    assert graph["lib.low"] == graph["lib"] == set()
    assert graph["lib.low.a"] == {"lib.low.b"}
    assert circles_in(graph) == {frozenset({"lib.low.a", "lib.low.b", "lib.low.c"})}


def test_the_version_stands_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert sere.__version__ == project["version"]


def test_the_readme_names_the_two_commands_and_links_to_what_is_there():
    readme = (ROOT / "README.md").read_text()
    for session in ("demo", "tests"):
        assert f"python -m pip install nox && python -m nox -s {session}\n" in readme
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", readme):
        assert (ROOT / target).exists(), target


def test_the_readmes_python_is_python():
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    ast.parse(block)
    assert len(block.strip().splitlines()) <= 12


def test_ci_runs_what_the_readme_says():
    script = (ROOT / ".ci" / "run").read_text()
    assert "\npython -m pip install nox && python -m nox -s tests\n" in script


def test_every_session_of_the_house_is_there():
    source = ast.parse((ROOT / "noxfile.py").read_text())
    sessions = {
        node.name
        for node in source.body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(decorator).startswith("nox.session") for decorator in node.decorator_list)
    }
    trust = {"odd", "faults", "fuzz", "coverage", "mutants", "audit", "release", "bare"}
    assert sessions == trust | {"demo", "tests", "lint", "typing", "docs", "oldest", "bench"}


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").exists()


def the_projects_files():
    """Names of all files of the project: what git knows in a clone, what is there in an unpacked source archive."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return names.splitlines()
    return [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file()]


def test_the_source_archive_holds_everything_that_the_tests_need():
    lines = [line.split() for line in (ROOT / "MANIFEST.in").read_text().splitlines()]
    taken = {name for command, *names in lines if command in ("graft", "include") for name in names}
    # Packages, and what setuptools always takes along.
    taken |= {"sere", "LICENSE", "MANIFEST.in", "README.md", "pyproject.toml"}
    found = set(the_projects_files())
    assert len(found) > 200
    if (ROOT / ".git").exists():  # an archive also holds what its builder noted
        assert {name.partition("/")[0] for name in found} <= taken
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["sere"]
    inside = {name for name in found if re.match(r"sere/(?!.*(\.py$|__pycache__))", name)}
    assert inside == {f"sere/{name}" for name in data}


def test_no_audio_or_pickled_weights_lie_in_the_tree():
    found = [name for name in the_projects_files() if re.search(r"\.(wav|flac|mp3|ogg|pt|pth|bin|pkl|joblib)$", name)]
    assert found == []
