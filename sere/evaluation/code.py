"""A digest of the code behind a result: the module that computes it and every module of the library it imports.

Results kept on disk outlive the code that made them. A version number changes too seldom to tell, and a digest of the
whole library too often: a new colour in a plot would cost hours of fits. So the digest covers what a module imports
from this library, at any depth and also inside functions, read from the source text.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import sere

_PACKAGE = "sere"
#: What classifiers offer beside what a result asks of them.
_BESIDE = frozenset({"sere.estimators.long_audio"})


@cache
def code_digest(*modules: str) -> str:
    """Return a digest of the source of modules and of all they import from this library.

    Parameters
    ----------
    *modules : str
        Dotted names; of a module outside the library its own source alone counts.
    """
    digest = hashlib.sha256()
    for name in sorted(reached(*modules)):
        file = _file(name)
        if file is not None:
            digest.update(name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def reached(*modules: str) -> set[str]:
    """Return modules and all modules of the library that they import, at any depth, but those that no result runs."""
    found: set[str] = set()
    ahead = list(modules)
    while ahead:
        name = ahead.pop()
        if name not in found and name not in _BESIDE:
            found.add(name)
            ahead += _imports(name)
    return found


@cache
def _imports(module: str) -> tuple[str, ...]:
    """Return the modules of the library that one module imports."""
    file = _file(module)
    # The package itself only names its parts; what is taken from it is followed by name.
    if file is None or module == _PACKAGE or not module.startswith(f"{_PACKAGE}."):
        return ()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    named = list(_named(tree))
    if file.name == "__init__.py" and any(getattr(node, "name", "") == "__getattr__" for node in tree.body):
        # What such a package hands out is looked up when asked for, so any of its modules may be meant.
        named += [f"{module}.{path.stem}" for path in sorted(file.parent.glob("*.py")) if path.stem != "__init__"]
    return tuple(dict.fromkeys(named))


def _named(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == _PACKAGE)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == _PACKAGE:
            home = node.module or ""
            for alias in node.names:
                if home == _PACKAGE and alias.name in sere._HOMES:
                    yield sere._HOMES[alias.name]
                elif _file(f"{home}.{alias.name}") is not None:
                    yield f"{home}.{alias.name}"
            yield home


@cache
def _file(module: str) -> Path | None:
    """Return a module's source file, or None where it is no module or has none."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)
