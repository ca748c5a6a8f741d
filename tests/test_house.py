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

# From the bottom up: a module may import its own layer and those below it.
LAYERS = [
    {"_files", "_folders", "_labels"},
    {"_ffmpeg", "_sndfile"},
    {"audio", "_paths", "_seals", "_claims", "_database", "_drafts", "_registers", "store"},
    {"_items", "_utterances", "_params"},
    {"_inputs", "_skipping", "_batches", "_extract", "tracks", "encoders", "datasets", "metrics", "method", "selection"}
    | {"_facts", "_data_checks", "_sound_checks"},
    {"kernels"},
    {"training"},
    {"_transformer", "_dynamics", "_encoder", "_audio_classifier", "_classifier"} | {"_pipeline", "_pretrain"},
    {"baselines", "evaluation", "plotting", "_label"},
    {"_classes", "_tree", "persistence"},
    {
        "cli",
        "_cli_inputs",
        "_cli_benchmark",
        "_cli_fit",
        "_cli_label",
        "_cli_pretrain",
        "_cli_predict",
        "_cli_problems",
        "_cli_score",
    },
    {"__main__"},
]


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
    assert text.count("\n") <= 600


def imports_of(path):
    """Return the names below ``sere`` that a module imports when it is loaded."""
    found = set()
    module = ast.parse(path.read_text())
    for node in module.body:
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "sere":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("sere.")}
    return found - {"__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down_only(path):
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if name == "__init__":
        assert imports_of(path) == set()
        return
    level = {part: i for i, layer in enumerate(LAYERS) for part in layer}
    assert name in level, f"say in which layer {name} is"
    upward = {other for other in imports_of(path) - {name} if level[other] > level[name]}
    assert not upward


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
    assert sessions == {"demo", "tests", "odd", "lint", "typing", "docs", "oldest", "bench"}


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
