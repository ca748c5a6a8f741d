"""Speaking up: what about the clips, labels and pools of fit and predict a user would want to know.

None of these situations keeps a model from being fitted, and none of them shows in its answers: a score on clips whose
labels were given, a pool of one clip in many copies, a pool recorded through a telephone. Each is one
:class:`~sere.SereWarning` that says what was found, why it matters and what to do. The userguide's "What the library
warns of" has the whole list; tests/test_checks_data.py holds it.

What the list alone tells, of clips, speakers, languages and labels, is here and said before anything is read; what the
clips themselves tell is in :mod:`sere.checks.sound`.
"""

import difflib
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sere.checks.facts import Facts
from sere.datasets.emotions import WORDS, canonical_emotion, plain_word
from sere.encoders.languages import known_names, same_language
from sere.inputs.caller import user_level
from sere.inputs.reading import SereWarning
from sere.inputs.utterances import Utterances

#: How like a known language's name an unknown one must be to count as misspelt.
MISSPELT = 0.82
#: How like a known emotion's name a label must be to count as misspelt.
MISSPELT_LABEL = 0.85
#: Clips below which a pool is too small to find anything odd about all of it.
ENOUGH = 20
#: What Python, NumPy and pandas make of a missing label when they make texts of labels.
_MISSING = {"nan", "NaN", "None", "<NA>", "NaT"}


@dataclass(frozen=True)
class Group:
    """Labeled clips or one pool.

    Attributes
    ----------
    name : str
        What messages call it.
    role : {"labeled", "source", "target", "asked"}
    clips : Utterances
    facts : Facts or None
        None before the clips were heard, or where they hold no audio.
    skipped : tuple of int
        Rows of the user's list that are left out of `clips`.
    """

    name: str
    role: str
    clips: Utterances
    facts: Facts | None = None
    skipped: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def is_pool(self) -> bool:
        """Whether nobody chose its clips one by one."""
        return self.role in ("source", "target")

    def row(self, number: int) -> str:
        """Return the name of a clip: its row in the user's list."""
        given = np.setdiff1d(np.arange(len(self) + len(self.skipped)), self.skipped)
        return f"{self.name}[{given[number]}]"

    def rows(self, which: np.ndarray) -> str:
        """Return the names of some rows, given as a mask or as numbers."""
        numbers = np.flatnonzero(which) if which.dtype == bool else which
        named = ", ".join(map(self.row, numbers[:5]))
        return named + (f" and {len(numbers) - 5} more" if len(numbers) > 5 else "")


def speak_up(messages: Iterable[str]) -> None:
    """Warn of each, at the line of the user's own code that led here."""
    for message in messages:
        warnings.warn(message, SereWarning, stacklevel=user_level())


def listed(
    groups: Sequence[Group], classes: np.ndarray, codes: np.ndarray, sides: tuple[str | None, str | None]
) -> Iterator[str]:
    """Yield what the list of clips, speakers, languages and labels tells, before any clip is read.

    Parameters
    ----------
    groups : sequence of Group
        The labeled clips first.
    classes : ndarray of shape (n_classes,)
    codes : int ndarray of shape (n_labeled,)
    sides : tuple of (str or None, str or None)
        The parameters `source_language` and `target_language`.
    """
    names = classes.tolist()
    yield from _spelling_of_labels(names)
    yield from _counts(groups, names, codes)
    yield from _languages(groups, sides)
    yield from _other_sides(groups, sides)
    yield from _speakers(groups, codes)


def _spelling_of_labels(classes: list[Any]) -> Iterator[str]:
    texts = [label for label in classes if isinstance(label, str)]
    alike = defaultdict(list)
    for text in texts:
        alike[" ".join(text.split()).casefold()].append(text)
    doubled = [" and ".join(map(repr, spellings)) for spellings in alike.values() if len(spellings) > 1]
    if doubled:
        yield (
            f"some labels differ in case or spaces alone and count as different classes ({', '.join(doubled)}); if one "
            "emotion is meant, spell it one way"
        )
    gone = [text for text in texts if text.strip() in _MISSING]
    if gone:
        yield (
            f"{gone[0]!r} is a label, as Python writes a missing one: clips without a label are then a class of their "
            "own. Leave them out, or call the class something else"
        )
    for text in texts:
        near = [] if canonical_emotion(text) else difflib.get_close_matches(plain_word(text), WORDS, 1, MISSPELT_LABEL)
        if near:
            yield (
                f"the label {text!r} is no emotion that is known here, so an encoder's experience says nothing of it; "
                f"if {near[0]!r} is meant, correct it"
            )
    if texts and len(texts) == len(classes) and all(re.fullmatch(r"[+-]?\d+(\.\d+)?", text.strip()) for text in texts):
        yield (
            f"the labels are numbers written as texts ({', '.join(map(repr, texts[:4]))}): predictions will be texts "
            "too and equal no number, and the encoder's experience knows emotions by their names. Name the emotions, "
            "or pass numbers"
        )


def _counts(groups: Sequence[Group], classes: list[Any], codes: np.ndarray) -> Iterator[str]:
    shots = np.bincount(codes, minlength=len(classes))
    few, many = int(shots.argmin()), int(shots.argmax())
    if shots[few] * 10 <= shots[many] or (shots[few] == 1 and shots[many] >= 5):
        yield (
            f"{classes[few]!r} has {counted(shots[few], 'labeled clip')} and {classes[many]!r} has {shots[many]}: "
            "what is learned of the rare one rests on very little. Label more of it"
        )
    for group in groups[1:]:
        if len(group) < len(classes):
            yield (
                f"{group.name} has {counted(len(group), 'clip')}, fewer than there are emotions "
                f"({len(classes)}): it cannot say how that language sounds. Pass more unlabeled clips, or None"
            )


def _languages(groups: Sequence[Group], sides: tuple[str | None, str | None]) -> Iterator[str]:
    spoken = {*sides, *(language for group in groups for language in group.clips.languages)} - {None}
    for name in sorted(map(str, spoken)):
        plain = same_language(name)
        near = [] if plain in known_names() else difflib.get_close_matches(plain, known_names(), 1, MISSPELT)
        if near:
            yield (
                f"{name!r} is no language that is known here and counts as one of its own; if {near[0]!r} is meant, "
                "correct it"
            )
    here, there = sides
    if here is not None and there is not None and same_language(here) == same_language(there):
        yield (
            f"source_language={here!r} and target_language={there!r} are one language: a score is then not one across "
            "languages, and a clip's language does not say to which side it belongs. If two languages are meant, "
            "correct one; for two corpora of one language leave both out"
        )


def _other_sides(groups: Sequence[Group], sides: tuple[str | None, str | None]) -> Iterator[str]:
    """Yield where clips speak another language than their side of the task does."""
    spoken = [_spoken(group) for group in groups]
    of_labels = spoken[0]
    for group, own in zip(groups, spoken, strict=True):
        name, side = ("target_language", sides[1]) if group.role == "target" else ("source_language", sides[0])
        if side is not None and own and same_language(side) not in own:
            yield (
                f"{name}={side!r}, but the clips of {group.name} say that they are {_listed(own)}: their own word "
                f"counts, and clips to predict that say nothing are taken for {side!r}. Correct one"
            )
        if group.role == "source" and own and of_labels and not own & of_labels:
            back = any(
                other.role == "target" and others and others <= of_labels
                for other, others in zip(groups, spoken, strict=True)
            )
            remedy = (
                "the two pools seem to have changed places"
                if back
                else "pass it as X_unlabeled_tgt if it is to be recognised, else leave it out"
            )
            yield (
                f"{group.name} is {_listed(own)} and X is {_listed(of_labels)}, and both are standardised together as "
                f"one language: {remedy}"
            )


def foreign(group: Group, given: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield where clips to predict speak a language of which fit was told nothing, though it was told of others.

    Parameters
    ----------
    group : Group
        The clips.
    given : sequence of dict
        What fit was given, as `given_` of a classifier has it.
    """
    sides = {side: set[str]() for side in ("target", "source")}
    for record in given:
        side = "target" if record["where"].startswith("X_unlabeled_tgt") else "source"
        sides[side] |= set(map(same_language, record["languages"]))
    has_target = any(record["where"].startswith("X_unlabeled_tgt") for record in given)
    taken_for = sides["target" if has_target else "source"]
    unheard = _spoken(group) - sides["target"] - sides["source"]
    if taken_for and unheard:
        rows = np.array(
            [language is not None and same_language(language) in unheard for language in group.clips.languages]
        )
        yield (
            f"{rows.sum()} of the {len(group)} clips of {group.name} are {_listed(unheard)} ({group.rows(rows)}), of "
            f"which fit had none: they are taken for {_listed(taken_for)}. Fit with a pool of their language, or "
            "correct it"
        )


def out_of_order(X: Any, y: Any) -> Iterator[str]:
    """Yield where labels and clips are tables whose indices hold the same in another order."""
    if not isinstance(X, pd.DataFrame | pd.Series) or not isinstance(y, pd.DataFrame | pd.Series):
        return
    one, other = X.index, y.index
    if len(one) != len(other) or one.equals(other) or not one.is_unique or not other.is_unique:
        return
    if len(one.union(other)) == len(one):
        yield (
            "X and y have the same index in another order, and labels go to clips by their place: pass y.loc[X.index], "
            "or y.to_numpy() if the places are right"
        )


def unheard_labels(labels: np.ndarray, classes: np.ndarray) -> Iterator[str]:
    """Yield which labels of a score a model cannot answer with."""
    known = set(classes.tolist())
    rows = np.array([label not in known for label in labels.tolist()], dtype=bool)
    if rows.any():
        names = sorted({str(label) for label in labels[rows].tolist()})
        told = ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
        yield (
            f"the model was not taught {told} (but {', '.join(map(repr, map(str, classes.tolist()[:12])))}): the score "
            f"counts {counted(int(rows.sum()), 'clip')} of {len(rows)} as wrong whatever it answers. Bring labels to "
            "one spelling, or leave these clips out"
        )


def _spoken(group: Group) -> set[str]:
    return {same_language(language) for language in set(group.clips.languages) if language is not None}


def _listed(names: Iterable[str]) -> str:
    return " and ".join(map(repr, sorted(names)))


def _speakers(groups: Sequence[Group], codes: np.ndarray) -> Iterator[str]:
    for group in groups:
        unknown = np.array([speaker is None for speaker in group.clips.speakers])
        if 0 < unknown.sum() < len(unknown):
            yield (
                f"{unknown.sum()} of the {len(group)} clips of {group.name} have no speaker ({group.rows(unknown)}): "
                "they are standardised as those of somebody not met before. Name the speakers of all, or of none"
            )
        named = [speaker for speaker in group.clips.speakers if speaker is not None]
        gone = sorted(_MISSING & set(named))
        if gone:
            yield (
                f"{gone[0]!r} is a speaker of {group.name}, as Python writes a missing one: clips of people who are "
                "not known are then standardised as one person's. Give None, or leave the column 'speaker' out"
            )
        if group.is_pool and len(named) >= ENOUGH and len(set(named)) == len(named):
            yield (
                f"every clip of {group.name} has a speaker of its own ({named[0]!r}, {named[1]!r}, ...), so no voice "
                "can be told from its emotion; if these are names of files or rows, leave the column 'speaker' out"
            )
    own: dict[str, list[int]] = defaultdict(list)
    for speaker, code in zip(groups[0].clips.speakers, codes, strict=True):
        if speaker is not None:
            own[speaker].append(int(code))
    if len(own) > 1 and min(map(len, own.values())) > 1 and all(len(set(c)) == 1 for c in own.values()):
        yield (
            "each speaker of X shows one emotion only, so a voice cannot be told from what it feels: the model may "
            "learn who speaks. Label several emotions of each speaker"
        )
    sides = [{s for g in groups if (g.role == "target") is side for s in g.clips.speakers} for side in (False, True)]
    both = sorted(name for name in sides[0] & sides[1] if name is not None and _is_a_name(name))
    if both:
        yield (
            f"X or the source pool, and the target pool, share {counted(len(both), 'speaker')} "
            f"({', '.join(map(repr, both[:3]))}): a score on them says nothing about people who were never heard. If "
            "they are other people of the same name, put the corpus's name before it"
        )


def _is_a_name(speaker: str) -> bool:
    """Whether a speaker's name is more than a number or a role, which two corpora may share by chance."""
    letters = re.sub(r"[\W\d_]+", " ", speaker).casefold().split()
    return bool(set(letters) - {"f", "m", "s", "p", "w", "spk", "sp", "speaker", "actor", "male", "female", "subject"})


def counted(n: int, what: str) -> str:
    """Return "1 clip" or "2 clips"."""
    return f"{n} {what}{'' if n == 1 else 's'}"
