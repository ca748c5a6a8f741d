"""What fit was given, in numbers: so that a model that travels can say what it was made from."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sere.checks.data import Group
from sere.inputs.utterances import Utterances
from sere.provenance import list_of


def numbered(where: str, k: int, pools: Sequence[Any]) -> str:
    """Return what messages call pool k of several."""
    return where if len(pools) == 1 else f"{where}[{k}]"


def corpora_of(clips: Any) -> list[str]:
    """Return the names in the column ``corpus`` of a table, sorted; nothing for other forms of clips."""
    if not hasattr(clips, "columns") or "corpus" not in clips.columns:
        return []
    return sorted({str(name) for name in clips["corpus"] if not pd.isna(name)})


def described(where: str, clips: Utterances, corpora: list[str], labels: np.ndarray | None = None) -> dict[str, Any]:
    """Return the record of one input of fit, as `given_` of a classifier has it.

    Parameters
    ----------
    where : str
        What messages call it.
    clips : Utterances
        Those that were used.
    corpora : list of str
    labels : ndarray, optional
        Of labeled clips.
    """
    speakers = {speaker for speaker in clips.speakers if speaker is not None}
    record = {
        "where": where,
        **list_of(clips, labels),
        "speakers": len(speakers),
        "languages": sorted({str(language) for language in clips.languages if language is not None}),
        "corpora": corpora,
    }
    if labels is not None:
        names, counts = np.unique(labels, return_counts=True)
        record["labels"] = dict(zip(map(str, names.tolist()), counts.tolist(), strict=True))
    return record


def groups_of(
    labeled: Utterances | None = None,
    sources: Sequence[Utterances] = (),
    targets: Sequence[Utterances] = (),
    records: Sequence[dict[str, Any]] = (),
) -> list[Group]:
    """Return what fit was given, each with its name in messages and the rows that `records` says were left out."""
    given = [] if labeled is None else [Group("X", "labeled", labeled)]
    for role, where, pools in (("source", "X_unlabeled_src", sources), ("target", "X_unlabeled_tgt", targets)):
        given += [Group(numbered(where, k, pools), role, pool) for k, pool in enumerate(pools)]
    return [replace(group, skipped=tuple(r["row"] for r in records if r["where"] == group.name)) for group in given]


def speaking(utterances: Utterances, language: str | None) -> Utterances:
    """Fill in the language of clips that do not say theirs."""
    if language is None:
        return utterances
    known = [language if own is None else own for own in utterances.languages]
    return utterances.with_(languages=np.array(known, dtype=object))
