"""What a benchmark will run: corpora found, tasks named, scenarios listed, and what cannot be run with the reason."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pandas as pd

from sere.datasets import SHIFTS, find_corpora, load_corpus
from sere.datasets.tables import is_list_of
from sere.evaluation.cells import PROTOCOLS, SPEAKERS, Scenario

#: Letters by which the field's tables name corpora.
LETTERS = {"A": "ased", "B": "emodb", "C": "casia", "E": "enterface", "O": "emovo", "R": "ravdess"}
Corpora = dict[str, pd.DataFrame]
Task = tuple[str, str]


@dataclass
class Plan:
    """Scenarios to run.

    Attributes
    ----------
    scenarios : list of Scenario
    left_out : list of str
        A sentence for each group of scenarios that cannot be run.
    notes : list of str
        How inductive targets are divided.
    """

    scenarios: list[Scenario] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_corpora(corpora: str | os.PathLike[str] | Mapping[str, pd.DataFrame]) -> Corpora:
    """Return the corpora of a folder, or those given, by name.

    Parameters
    ----------
    corpora : path-like or mapping of str to DataFrame
        A folder that holds corpora side by side, and lists (CSV, TSV) of clips; or what
        :func:`~sere.datasets.load_corpus` returned, by name.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If fewer than two corpora are there.
    """
    if isinstance(corpora, Mapping):
        found = {str(name): clips for name, clips in corpora.items()}
        where = "corpora"
    else:
        where = os.fspath(corpora)
        places = find_corpora(corpora)
        found = {name: load_corpus(place) for name, place in places.items()}
        lists = [path for path in sorted(Path(corpora).iterdir()) if is_list_of(path, ("path", "emotion"))]
        found |= {path.stem: load_corpus(path) for path in lists}
    if len(found) < 2:
        held = f"only {', '.join(found)}" if found else "no corpus that is recognised"
        raise ValueError(
            f"{where} holds {held}; a benchmark needs two corpora of different languages side by side. `sere corpora "
            "DIR` shows what is found, docs/corpora.md how each is laid out"
        )
    return {name: clips.reset_index(drop=True) for name, clips in found.items()}


def read_tasks(tasks: str | Iterable[str | Task] | None, corpora: Corpora, usual: Sequence[str] = ()) -> list[Task]:
    """Return (source, target) of each task.

    Parameters
    ----------
    tasks : str or sequence, optional
        ``emodb-emovo``, pairs of names, or letters (``BO``) where :data:`LETTERS` knows both; a string is split at
        commas. All ordered pairs of `usual`, or of all corpora where fewer than two of `usual` are there, when not
        given.
    corpora : dict of str to DataFrame
    usual : sequence of str

    Raises
    ------
    ValueError
        If a name is not that of a corpus: lists those there are.
    """
    if tasks is None:
        present = [name for name in usual if name in corpora]
        return list(permutations(present if len(present) > 1 else corpora, 2))
    listed = tasks.split(",") if isinstance(tasks, str) else tasks
    found = [_task(item.strip() if isinstance(item, str) else item, corpora) for item in listed]
    return list(dict.fromkeys(found))


def _task(text: str | Task, corpora: Corpora) -> Task:
    if not isinstance(text, str):
        pairs = [tuple(text)]
    else:
        # A corpus's own name may hold a hyphen, so every one is tried.
        parts = text.split("-")
        pairs = [("-".join(parts[:i]), "-".join(parts[i:])) for i in range(1, len(parts))]
        if len(text) == 2:
            pairs.append(tuple(LETTERS.get(letter, letter) for letter in text))
    for pair in pairs:
        if len(pair) == 2 and pair[0] != pair[1] and set(pair) <= set(corpora):
            return pair
    raise ValueError(
        f"{text!r} is no task: write SOURCE-TARGET with two of the corpora that are there ({', '.join(corpora)})"
    )


def one_of(value: str, both: Sequence[str], what: str) -> tuple[str, ...]:
    """Return the named choice, or both of them for "both".

    Raises
    ------
    ValueError
        If it is neither.
    """
    if value != "both" and value not in both:
        raise ValueError(f"{what} is {value!r}; it must be {', '.join(both)} or both")
    return tuple(both) if value == "both" else (value,)


def make_plan(
    corpora: Corpora,
    tasks: Sequence[Task],
    *,
    draws: int,
    shots: Sequence[int | str],
    shifts: Sequence[str],
    protocol: str,
    speakers: str,
    max_pool: int | None,
) -> Plan:
    """List the scenarios, and try the first draw of each task: what cannot be made is known before hours of work.

    Parameters
    ----------
    corpora : dict of str to DataFrame
    tasks : sequence of (str, str)
    draws : int
    shots : sequence of int or "all"
    shifts : sequence of str
    protocol, speakers : str
        One of the choices, or "both".
    max_pool : int or None

    Raises
    ------
    ValueError
        If an option is none of its choices.
    """
    unknown = [shift for shift in shifts if shift not in SHIFTS]
    if unknown:
        raise ValueError(f"there is no shift {', '.join(unknown)}; the shifts are {', '.join(SHIFTS)}")
    plan = Plan()
    chosen = product(shots, shifts, one_of(protocol, PROTOCOLS, "protocol"))
    for few, shift, how in chosen:
        for source, target in tasks:
            known = one_of(speakers, SPEAKERS, "speakers")
            if not any(
                "speaker" in corpora[name] and corpora[name]["speaker"].notna().any() for name in (source, target)
            ):
                if "known" in known:
                    plan.left_out.append(f"{source}-{target}, speakers known: neither corpus names its speakers")
                known = tuple(way for way in known if way == "unknown")
            # Changed audio changes no draw, and takes long.
            tried = shift if shift == "skew" else "none"
            trial = Scenario(source, target, few, tried, how, "known", 0, max_pool)
            try:
                task = trial.task(corpora)
            except ValueError as error:
                plan.left_out.append(f"{source}-{target}, {few} shots, {shift}, {how}: {error}")
                continue
            if how == "inductive":
                plan.notes.append(_division(target, corpora[target], task))
            plan.scenarios += [
                Scenario(source, target, few, shift, how, way, draw, max_pool) for way in known for draw in range(draws)
            ]
    plan.left_out = list(dict.fromkeys(plan.left_out))
    plan.notes = sorted(set(plan.notes))
    return plan


def _division(target: str, clips: pd.DataFrame, task: Any) -> str:
    everyone, tested = clips["speaker"].nunique(), task.X_test["speaker"].nunique()
    return (
        f"inductive on {target}: {tested} of {everyone} speakers are scored, others in each draw; the rest are the pool"
    )
