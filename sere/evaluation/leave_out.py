"""What saw neither corpus of a task: the encoder ``experience`` of a benchmark, and labeled corpora for methods.

For each pair of corpora an encoder is learned (:func:`sere.pretrain_encoder`) from every other corpus that is there, so
that what a task is scored on was never heard, and neither was the corpus its labels come from.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from sere.encoders.emotion import EmotionEncoder
from sere.evaluation.methods import EXPERIENCE, Method, pair_name


def with_experience(
    methods: Sequence[Method],
    corpora: Mapping[str, pd.DataFrame],
    pairs: Sequence[tuple[str, str]],
    n_jobs: int | None = None,
    verbose: int = 0,
    say: Callable[[str], Any] = lambda text: None,
) -> list[Method]:
    """Return the methods, those whose encoder is ``"experience"`` with one for each pair of corpora and base encoder.

    Parameters
    ----------
    methods : sequence of Method
    corpora : mapping of str to DataFrame
        All labeled corpora there are.
    pairs : sequence of (str, str)
        Source and target of each task.
    n_jobs, verbose, say
        As in :func:`sere.evaluation.run_benchmark`.

    Raises
    ------
    ValueError
        If no corpus remains beside a pair.
    """
    if not any(method.wants_experience for method in methods):
        return list(methods)
    learned: dict[str, dict[str, EmotionEncoder]] = {}
    for base in dict.fromkeys(method.experience_on for method in methods):
        if base is None:
            continue
        of_pairs = learned.setdefault(base, {})
        for source, target in pairs:
            name = pair_name(source, target)
            if name not in of_pairs:
                of_pairs[name] = _learned(corpora, base, source, target, n_jobs, verbose)
                say(f"experience on {base} for {name}: {', '.join(of_pairs[name].card.names)}")
    return [
        method if method.experience_on is None else replace(method, experience=learned[method.experience_on])
        for method in methods
    ]


def with_corpora(methods: Sequence[Method], corpora: Mapping[str, pd.DataFrame]) -> list[Method]:
    """Return the methods, those that learn from labeled corpora and were given none with all there are.

    Of these each task takes the ones that are neither its source nor its target.

    Parameters
    ----------
    methods : sequence of Method
    corpora : mapping of str to DataFrame
    """
    return [
        replace(method, corpora=corpora)
        if method.estimator.get_params(deep=False).get("corpora", corpora) is None
        else method
        for method in methods
    ]


def _learned(
    corpora: Mapping[str, pd.DataFrame], base: str, source: str, target: str, n_jobs: int | None, verbose: int
) -> EmotionEncoder:
    from sere import pretrain_encoder

    others = {name: clips for name, clips in corpora.items() if name not in (source, target)}
    if not others:
        raise ValueError(
            f"encoder {EXPERIENCE!r} learns from labeled corpora beside {source} and {target}, and there is none"
        )
    learned: EmotionEncoder = pretrain_encoder(
        others, base, name=f"without {pair_name(source, target)}", n_jobs=n_jobs, random_state=0, verbose=verbose
    )
    return learned
