"""Files that were valid, with bytes changed at random, and a watch over what reading one of them does."""

import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import strategies as st

#: Numbers that lengths and counts are damaged into.
EXTREMES = (0, 1, 0x7F, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
_where = st.integers(0, 1 << 30)
_edit = st.one_of(
    st.tuples(st.just("flip"), _where, st.integers(0, 7)),
    st.tuples(st.just("set"), _where, st.integers(0, 255)),
    st.tuples(st.just("cut"), _where, st.integers(0, 64)),
    st.tuples(st.just("end"), _where, st.none()),
    st.tuples(st.just("insert"), _where, st.binary(min_size=1, max_size=12)),
    st.tuples(st.just("length"), _where, st.tuples(st.sampled_from(EXTREMES), st.sampled_from((2, 4, 8)))),
    st.tuples(st.just("copy"), _where, st.tuples(_where, st.integers(1, 64))),
)
#: A few changes of a file's bytes.
edits = st.lists(_edit, min_size=1, max_size=6)


def edited(content: bytes, changes: list[Any]) -> bytes:
    """Return a file's bytes with changes of :data:`edits`."""
    data = bytearray(content)
    for kind, where, how in changes:
        at = where % max(len(data), 1)
        if kind == "flip" and data:
            data[at] ^= 1 << how
        elif kind == "set" and data:
            data[at] = how
        elif kind == "cut":
            del data[at : at + how]
        elif kind == "end":
            del data[at:]
        elif kind == "insert":
            data[at:at] = how
        elif kind == "length":
            number, size = how
            data[at : at + size] = (number & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        elif kind == "copy":
            start, length = how[0] % max(len(data), 1), how[1]
            data[at : at + length] = data[start : start + length]
    return bytes(data)


#: What reading a file never does, by the interpreter's audit events.
FORBIDDEN = (
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pickle.find_class", "marshal.loads"),
    *("socket.connect", "socket.getaddrinfo", "os.remove", "os.rename", "os.mkdir", "shutil.rmtree", "exec", "import"),
)
_watching: list[Callable[[str, tuple[Any, ...]], None]] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for look in tuple(_watching):
        look(event, arguments)


sys.addaudithook(_hook)


@contextmanager
def watched(folder: str, most_bytes: int) -> Iterator[None]:
    """Fail where a block does more than reading files of a folder, or asks for more memory.

    Parameters
    ----------
    folder : str
    most_bytes : int
        That the block may have allocated at any moment.
    """
    seen: list[str] = []

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        elsewhere = event == "open" and isinstance(arguments[0], str) and not arguments[0].startswith(folder)
        if event in FORBIDDEN or elsewhere:
            seen.append(f"{event}{arguments}"[:200])

    tracemalloc.start()
    _watching.append(look)
    try:
        yield
    finally:
        _watching.remove(look)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert not seen, seen
    assert peak <= most_bytes, f"{peak:,} bytes"
