"""Kinds of few-shot tasks: what tasks that may be compared have in common, and its words."""

#: What says of which kind a task is.
KIND = ("shots", "shift", "protocol", "speakers")


def kind_words(shots: int | str, shift: str, protocol: str, speakers: str) -> str:
    """Return a kind of task in words, such as "5 shots an emotion, transductive, speakers known"."""
    few = "all source labels" if shots == "all" else f"{shots} shot{'' if shots == 1 else 's'} an emotion"
    return ", ".join([few, protocol, f"speakers {speakers}", *([] if shift == "none" else [f"target: {shift}"])])
