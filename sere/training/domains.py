"""Which clips are standardised together, and where their projections start: the source, and each target pool.

Labeled clips and the source pool are one domain, all target pools together another, and where there are several target
pools each has a domain of its own beside it. A clip to predict takes the domain its language leads to.
"""

from collections.abc import Mapping

import numpy as np

from sere.chain.embedding import Embedding
from sere.encoders.languages import same_language
from sere.inputs.utterances import Utterances, concatenate
from sere.training.normalise import Moments, Standardiser
from sere.training.prepare import Preparation
from sere.training.spaces import Standardised, StandardisedPool
from sere.training.starts import Survey, bridging_projections, starting_projections

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


def learn_targets(
    preparation: Preparation,
    targets: list[Utterances],
    prior: tuple[np.ndarray, np.ndarray, float] | None = None,
) -> dict[str, set[str]]:
    """Learn the standardisation of the target pools, which needs nothing of the source; returns their languages.

    `prior`, as in :meth:`Preparation.learn`, is for all of them together.
    """
    if not targets:
        return {}
    preparation.learn(TARGET, concatenate(targets), prior)
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
) -> dict[str, tuple[StandardisedPool, np.ndarray]]:
    """Return the standardised clips of each role, and for each of their rows the row it came from."""
    pools = {"labeled": preparation.pool(labeled, [SOURCE] * len(labeled))}
    if source is not None:
        pools["source"] = preparation.pool(source, [SOURCE] * len(source))
    if targets:
        pools["target"] = preparation.pool(concatenate(targets), target_domains(targets))
    return pools


def domain_starts(
    preparation: Preparation,
    pools: dict[str, tuple[StandardisedPool, np.ndarray]],
    labeled: Utterances,
    source: Utterances | None,
    targets: list[Utterances],
    embedding: Embedding,
    surveys: Mapping[str, Survey],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return starting projections; with several encoders over the dynamics' statistics, standardised by domain.

    Parameters
    ----------
    preparation : Preparation
    pools : dict of str to (StandardisedPool, ndarray)
        As :func:`domain_pools` returns them.
    labeled, source, targets : Utterances
    embedding : Embedding
    surveys : mapping of str to Survey
        As :func:`~sere.training.starts.survey` returns them; needed with one encoder.
    """
    widths = embedding.widths(
        any(isinstance(s, Standardised) and s.context.shape[1] for s in pools["labeled"][0].spaces)
    )
    share = embedding.context_share
    if len(preparation.names) == 1:
        return starting_projections(preparation, surveys, widths, share)
    summaries = _shared_statistics(preparation, pools, labeled, source, targets)
    return bridging_projections(preparation, [pool for pool, _ in pools.values()], summaries, widths, share)


def _shared_statistics(
    preparation: Preparation,
    pools: dict[str, tuple[StandardisedPool, np.ndarray]],
    labeled: Utterances,
    source: Utterances | None,
    targets: list[Utterances],
) -> list[np.ndarray]:
    """Each pool's statistics of the dynamics, standardised by domain, in the pool's order."""
    if any("dynamics" not in part.summaries for part in (labeled, source, *targets) if part is not None):
        raise ValueError(
            f"clips of several encoders ({preparation.names}) meet in the statistics of their dynamics, and some "
            "have none: put DynamicFeatureTransformer before HeterogeneousEncoder, as in sere.make_sere_pipeline()"
        )
    shared = Standardiser(preparation.shrinkage)
    groups = [("labeled", SOURCE, labeled), ("source", SOURCE, source)]
    groups += [("target", TARGET, concatenate(targets))] if targets else []
    near = [labeled] if source is None else [labeled, source]
    for domain, parts in ((SOURCE, near), (TARGET, targets)):
        if parts:
            together = concatenate(parts)
            shared.learn(domain, Moments.of_vectors(together.summaries["dynamics"].values), together.speakers)
    summaries = []
    for name, domain, part in groups:
        if part is not None:
            values = part.summaries["dynamics"].values
            rows = [shared.apply(v, domain, s) for v, s in zip(values, part.speakers, strict=True)]
            summaries.append(np.array(rows)[pools[name][1]])
    return summaries


def _spoken(utterances: Utterances) -> set[str]:
    return {same_language(language) for language in set(utterances.languages) if language is not None}
