"""Fitted estimators as a tree of plain values and a table of arrays, and back.

The tree is JSON. ``None``, booleans, whole numbers, finite numbers, texts and lists stand for themselves; everything
else is a JSON object that says under ``"is"`` what it is: an array of the table, an array of texts, a tuple, a set, a
dict, a number of numpy's, a path, a random state, or an object of a listed class (:mod:`sere.persistence.classes`).
Reading one makes these and nothing else: no function is looked up, no module named by the file is imported, and an
array is used once, so that what is read is never much larger than the file.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sere.persistence.classes import name_of, rebuild, state_of

#: Levels of nesting; more is no model.
DEEPEST = 60
#: Numbers in the state of a Mersenne twister.
_MERSENNE = 624
#: Bytes of an array of texts, whose width is that of its longest.
TEXTS = 1 << 26
#: Numbers that an array of the table or a number of numpy's may have.
DTYPES = tuple(
    np.dtype(f"{kind}{bits}")
    for kind, sizes in {"int": (8, 16, 32, 64), "uint": (8, 16, 32, 64), "float": (16, 32, 64), "bool": ("",)}.items()
    for bits in sizes
)
_BY_NAME = {dtype.name: dtype for dtype in DTYPES}


class Packer:
    """Takes values apart.

    Attributes
    ----------
    arrays : dict of str to ndarray
        The table, by where each array was found.
    objects : list of (str, object)
        Name and object of everything of a listed class that was taken apart.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.objects: list[tuple[str, Any]] = []

    def pack(self, value: Any, where: str = "", depth: int = 0) -> Any:
        """Return a value as part of the tree.

        Parameters
        ----------
        value : object
        where : str
            Attributes and keys that lead to it, with ``/`` between them; empty for the whole.
        depth : int
            Levels above it.

        Raises
        ------
        TypeError
            A value that a file cannot hold: says where it is and what to do.
        """
        if depth > DEEPEST:
            raise TypeError(f"{where} is nested deeper than {DEEPEST} levels, or holds itself")
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"is": "float", "value": str(value)}
        if kind in (list, tuple, set, frozenset):
            items = [self.pack(item, _below(where, i), depth + 1) for i, item in enumerate(value)]
            if kind in (set, frozenset):  # their order differs from process to process
                items.sort(key=lambda item: json.dumps(item, sort_keys=True))
            return items if kind is list else {"is": kind.__name__, "items": items}
        if kind is dict:
            return self._dict(value, where, depth)
        if kind is np.ndarray:
            return self._array(value, where, depth)
        if isinstance(value, np.generic):
            return self._scalar(value, where)
        if isinstance(value, Path):
            return {"is": "path", "value": str(value)}
        if isinstance(value, np.random.RandomState):
            return {"is": "random_state", "state": self.pack(value.get_state(legacy=True), where, depth + 1)}
        name = name_of(value)
        if name is None:
            raise _not_saved(value, where)
        self.objects.append((name, value))
        state = {key: self.pack(own, _below(where, key), depth + 1) for key, own in state_of(value).items()}
        return {"is": "object", "class": name, "state": state}

    def _dict(self, value: dict[Any, Any], where: str, depth: int) -> dict[str, Any]:
        if all(type(key) is str for key in value):
            items = {key: self.pack(own, _below(where, key), depth + 1) for key, own in value.items()}
            return {"is": "dict", "items": items}
        pairs = [
            [self.pack(key, _below(where, f"{i} key"), depth + 1), self.pack(own, _below(where, i), depth + 1)]
            for i, (key, own) in enumerate(value.items())
        ]
        return {"is": "pairs", "items": pairs}

    def _array(self, value: np.ndarray, where: str, depth: int) -> dict[str, Any]:
        shape = list(value.shape)
        if value.dtype.kind == "U":
            return {"is": "texts", "shape": shape, "width": value.dtype.itemsize // 4, "values": value.ravel().tolist()}
        if value.dtype.kind == "O":
            items = [self.pack(item, _below(where, i), depth + 1) for i, item in enumerate(value.ravel().tolist())]
            return {"is": "objects", "shape": shape, "values": items}
        native = value.dtype.newbyteorder("=")
        if native not in DTYPES:
            raise TypeError(f"{where} is an array of {value.dtype}, which a model's file cannot hold")
        name = where.encode("ascii", "backslashreplace").decode()
        while name in self.arrays:
            name += "'"
        # The order in memory decides the order of sums, and so the last bit of a prediction.
        columns_first = value.flags.f_contiguous and not value.flags.c_contiguous
        self.arrays[name] = np.ascontiguousarray(value.T if columns_first else value, dtype=native).reshape(
            value.shape[::-1] if columns_first else value.shape
        )
        return {"is": "array", "name": name, **({"columns_first": True} if columns_first else {})}

    def _scalar(self, value: np.generic, where: str) -> dict[str, Any]:
        if isinstance(value, np.str_):
            # Not str(value), which leaves out zeros at the end.
            return {"is": "text", "value": "".join(value)}
        if value.dtype not in DTYPES:
            raise TypeError(f"{where} is a {type(value).__name__}, which a model's file cannot hold")
        return {"is": "number", "dtype": value.dtype.name, "value": self.pack(value.item(), where)}


class Unpacker:
    """Puts values together.

    Parameters
    ----------
    arrays : dict of str to ndarray
        The table; what is used is taken out of it.

    Attributes
    ----------
    objects : list of (str, object)
        Name and object of everything of a listed class that was made.
    """

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays
        self.objects: list[tuple[str, Any]] = []
        self._kinds: dict[str, Callable[[dict[str, Any], int], Any]] = {
            "float": lambda node, depth: {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[node["value"]],
            "tuple": lambda node, depth: tuple(self.unpack(node["items"], depth)),
            "set": lambda node, depth: set(self.unpack(node["items"], depth)),
            "frozenset": lambda node, depth: frozenset(self.unpack(node["items"], depth)),
            "dict": lambda node, depth: {key: self.unpack(own, depth + 1) for key, own in node["items"].items()},
            "pairs": lambda node, depth: dict(self.unpack(pair, depth) for pair in node["items"]),
            "array": self._array,
            "texts": self._texts,
            "objects": self._objects,
            "text": lambda node, depth: np.str_(_text(node["value"])),
            "number": lambda node, depth: _BY_NAME[node["dtype"]].type(self.unpack(node["value"], depth + 1)),
            "path": lambda node, depth: Path(_text(node["value"])),
            "random_state": self._random_state,
            "object": self._object,
        }

    def unpack(self, node: Any, depth: int = 0) -> Any:
        """Return the value that a part of the tree stands for.

        Raises
        ------
        ValueError, TypeError, KeyError
            Not what :class:`Packer` makes.
        """
        if depth > DEEPEST + 1:  # a number of numpy's is one level and its value another
            raise ValueError(f"nested deeper than {DEEPEST} levels")
        if isinstance(node, list):
            return [self.unpack(item, depth + 1) for item in node]
        if isinstance(node, dict):
            return self._kinds[node["is"]](node, depth)
        return node

    def _array(self, node: dict[str, Any], depth: int) -> np.ndarray:
        array = self.arrays.pop(node["name"])
        return array.T if node.get("columns_first") else array

    def _texts(self, node: dict[str, Any], depth: int) -> np.ndarray:
        width, values = int(node["width"]), [_text(value) for value in node["values"]]
        if not 0 <= width * 4 * len(values) <= TEXTS:
            raise ValueError("an array of texts is larger than any model's")
        return np.array(values, dtype=f"<U{width}").reshape(node["shape"])

    def _objects(self, node: dict[str, Any], depth: int) -> np.ndarray:
        values = self.unpack(node["values"], depth)
        flat = np.empty(len(values), dtype=object)
        for i, value in enumerate(values):
            flat[i] = value
        return flat.reshape(node["shape"])

    def _random_state(self, node: dict[str, Any], depth: int) -> np.random.RandomState:
        state = self.unpack(node["state"], depth + 1)
        n, place = len(state[1]), state[2]
        if n != _MERSENNE or not 0 <= place <= n:  # numpy would draw from beyond their end
            raise ValueError(f"a random state that stands at {place} of {n} numbers")
        random = np.random.RandomState()
        random.set_state(state)
        return random

    def _object(self, node: dict[str, Any], depth: int) -> Any:
        name = _text(node["class"])
        value = rebuild(name, {key: self.unpack(own, depth + 1) for key, own in node["state"].items()})
        self.objects.append((name, value))
        return value


def _below(where: str, key: object) -> str:
    return f"{where}/{key}" if where else str(key)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text is expected, got {value!r}")
    return value


def _not_saved(value: Any, where: str) -> TypeError:
    kind, where = f"{type(value).__module__}.{type(value).__qualname__}", where or "the model"
    if where.startswith("callbacks/") or "/callbacks/" in where:
        return TypeError(
            f"{where} is a function, which a model's file cannot hold; model.set_params(callbacks=()) before saving"
        )
    return TypeError(
        f"{where} is a {kind}, which a model's file cannot hold: sere's own estimators and encoders, and those of "
        "scikit-learn that are made of numpy arrays, can be saved. joblib.dump and skops.io.dump keep others; joblib's "
        "files run code when they are read, so keep to your own"
    )
