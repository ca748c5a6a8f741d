"""Files that stand for content which was not fetched: what git-lfs and git-annex leave in a clone."""

_POINTERS = {
    b"version https://git-lfs.github.com/spec/": "a git-lfs pointer, not the {}: fetch it with `git lfs pull`",
    b"/annex/objects/": "a git-annex pointer, not the {}: fetch it with `git annex get`",
}


def pointer(head: bytes, content: str) -> str | None:
    """Return what a file is that stands for `content` which was not fetched, by its first bytes; None if it is not."""
    return next((what.format(content) for start, what in _POINTERS.items() if head.startswith(start)), None)
