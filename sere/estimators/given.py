"""What fit was given, in numbers: so that a model that travels can say what it was made from."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sere.inputs.utterances import Utterances


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
        "clips": len(clips),
        "speakers": len(speakers),
        "languages": sorted({str(language) for language in clips.languages if language is not None}),
        "corpora": corpora,
    }
    if labels is not None:
        names, counts = np.unique(labels, return_counts=True)
        record["labels"] = dict(zip(map(str, names.tolist()), counts.tolist(), strict=True))
    return record
