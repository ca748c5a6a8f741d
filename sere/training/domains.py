"""Which clips are standardised together: the source, and each target pool.

Labeled clips and the source pool are one domain, all target pools together another, and where there are several target
pools each has a domain of its own beside it. A clip to predict takes the domain its language leads to.
"""

import numpy as np

from sere._utterances import Utterances, concatenate
from sere.encoders.languages import same_language
from sere.training.network import Pool
from sere.training.prepare import Preparation

#: Domain of labeled clips and the source pool.
SOURCE = "source"
#: Domain of clips to predict when several target pools leave open which is meant.
TARGET = "target"


def domain_of(language: str | None, languages: dict[str, set[str]]) -> str:
    """Return the domain whose mean and SD a clip takes: its language's, else the target's, else the source's.

    Parameters
    ----------
    language : str or None
    languages : dict of str to set of str
        Languages of each domain, as :func:`learn_domains` returns them.
    """
    if language is not None:
        language = same_language(language)
        targets = [d for d, spoken in languages.items() if d != SOURCE and language in spoken]
        if len(targets) == 1:
            return targets[0]
        if not targets and language in languages[SOURCE]:
            return SOURCE
    return TARGET if TARGET in languages else SOURCE


def learn_domains(
    preparation: Preparation, labeled: Utterances, source: Utterances | None, targets: list[Utterances]
) -> dict[str, set[str]]:
    """Learn every domain's standardisation; returns the languages of each."""
    near = labeled if source is None else concatenate([labeled, source])
    preparation.learn(SOURCE, near)
    return {SOURCE: _spoken(near), **learn_targets(preparation, targets)}


def learn_targets(preparation: Preparation, targets: list[Utterances]) -> dict[str, set[str]]:
    """Learn the standardisation of the target pools, which needs nothing of the source; returns their languages."""
    if not targets:
        return {}
    preparation.learn(TARGET, concatenate(targets))
    if len(targets) == 1:
        return {TARGET: _spoken(targets[0])}
    languages: dict[str, set[str]] = {TARGET: set()}
    for k, pool in enumerate(targets):
        preparation.learn(f"{TARGET}{k}", pool)
        languages[f"{TARGET}{k}"] = _spoken(pool)
    return languages


def target_domains(targets: list[Utterances]) -> list[str]:
    """Return the domain of each clip of the target pools, end to end."""
    return [f"{TARGET}{k}" if len(targets) > 1 else TARGET for k, pool in enumerate(targets) for _ in range(len(pool))]


def domain_pools(
    preparation: Preparation, labeled: Utterances, source: Utterances | None, targets: list[Utterances]
) -> dict[str, tuple[Pool, np.ndarray]]:
    """Return the standardised clips of each role, and for each of their rows the row it came from."""
    pools = {"labeled": preparation.pool(labeled, [SOURCE] * len(labeled))}
    if source is not None:
        pools["source"] = preparation.pool(source, [SOURCE] * len(source))
    if targets:
        pools["target"] = preparation.pool(concatenate(targets), target_domains(targets))
    return pools


def _spoken(utterances: Utterances) -> set[str]:
    return {same_language(language) for language in set(utterances.languages) if language is not None}
