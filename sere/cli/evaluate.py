"""``sere evaluate``: the score of a model, or of predictions made with it, on labeled clips."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sere.cli.words import AddCommand, add_allow, add_on_error

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from sere.cli.problems import Problems


def add(command: AddCommand) -> None:
    """Add the command to the parser."""
    added = command(
        "evaluate",
        evaluate,
        "score a model, or predictions made with it, on labeled clips",
        "Prints the unweighted average recall, its speaker-clustered interval and a table of emotions.\n"
        "Labels that only the model or only the clips have meet by the emotion that they name, which is said.",
    )
    added.add_argument("model", metavar="MODEL|CSV", help="a model, or what `sere predict --format csv` wrote")
    added.add_argument("--corpus", metavar="DIR|CSV", required=True, help="labeled clips: a corpus or a list")
    added.add_argument(
        "-f",
        "--format",
        choices=["text", "json"],
        default="text",
        help="output; json also says how well the model's probabilities mean what they say, and how to make the score "
        "again (default: %(default)s)",
    )
    added.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write the score here, and beside it FILE.skipped.csv where clips are left out, and FILE.reproduce.json",
    )
    add_on_error(added, "skip")
    add_allow(added, "the model")


def evaluate(arguments: argparse.Namespace) -> int:
    """Score a model or a list of predictions against a labeled corpus."""
    from sere.cli import again
    from sere.cli.problems import Problems
    from sere.cli.writers import opened

    problems = Problems("evaluate", arguments.on_error)
    with opened(arguments.output) as stream:
        found = _score(arguments, problems)
        used = {"model": arguments.model, "corpus": found.clips}
        if arguments.format == "json":
            json.dump(
                {**found.content(), "reproduce": again.block(arguments, used)}, stream, indent=2, ensure_ascii=False
            )
            stream.write("\n")
        else:
            stream.writelines(f"{line}\n" for line in found.lines())
    if arguments.output and arguments.format == "text":
        again.keep(arguments, Path(arguments.output), used)
    if arguments.output:
        problems.keep(Path(arguments.output))
    return 1 if problems.found else 0


@dataclass(frozen=True)
class _Found:
    """What came out.

    Attributes
    ----------
    clips : DataFrame
        The corpus.
    notes : list of str
        What to know of the score.
    result : TaskResult or None
        None where no clip could be scored.
    calibration_error : float or None
        Of a model's probabilities.
    """

    clips: "pd.DataFrame"
    notes: list[str]
    result: Any
    calibration_error: float | None

    def lines(self) -> list[str]:
        """Return the score as lines of text."""
        return self.notes + ([] if self.result is None else [self.result.summary()])

    def content(self) -> dict[str, Any]:
        """Return the score as JSON holds it: shares of 1, None where there is none."""
        from sere.persistence.card import plain_scores

        known = {name: None for name in ("uar", "low", "high", "chance", "clips")}
        emotions = None
        if self.result is not None:
            known = plain_scores(self.result)
            emotions = plain_scores(self.result.table)
        return {**known, "calibration_error": self.calibration_error, "emotions": emotions, "notes": self.notes}


def _score(arguments: argparse.Namespace, problems: "Problems") -> _Found:
    """Return the score."""
    import numpy as np

    from sere.calibration import error_of_answers
    from sere.cli.inputs import is_list, read_labeled
    from sere.datasets.emotions import shared_names
    from sere.evaluation import TaskResult, speakers_of

    corpus = read_labeled(arguments.corpus)
    sure: np.ndarray | None = None
    if is_list(arguments.model):
        said, taught, all_known = _read_predictions(corpus, Path(arguments.model))
    else:
        said, taught, sure = _predict(corpus, arguments, problems)
        all_known = True
    # Truth and answers are compared under one set of names, whoever's words they are.
    names, names_taught = shared_names(corpus["emotion"], taught)
    known = names_taught.values() if all_known else names.values()
    scored = [k for k, label in enumerate(corpus["emotion"]) if said[k] and names[label] in known]
    if not scored and not problems.found:
        raise ValueError(
            f"{arguments.corpus} holds none of the emotions that {arguments.model} knows ({', '.join(taught)})"
        )
    left_out = len(corpus) - len(scored) - len(problems.found)
    clips = corpus.iloc[scored]
    notes = [
        *_names_told("corpus", {label: names[label] for label in clips["emotion"]}),
        *_names_told("model", {label: name for label, name in names_taught.items() if name in names.values()}),
    ]
    if left_out:
        notes.append(
            f"{left_out} of {len(corpus)} clips are left out: no prediction, or an emotion the model was not taught"
        )
    if not scored:
        return _Found(corpus, notes, None, None)
    truth = np.array([names[label] for label in clips["emotion"]], dtype=str)
    answers = np.array([names_taught[said[k]] for k in scored], dtype=str)
    result = TaskResult(y_true=truth, y_pred=answers, labels=sorted(set(truth)), speakers=speakers_of(clips))
    return _Found(corpus, notes, result, None if sure is None else error_of_answers(sure[scored], truth == answers))


def _names_told(whose: str, names: dict[str, str]) -> Iterator[str]:
    """Yield which labels go by another name in the score, and which become one."""
    from sere.datasets.emotions import merged_names

    merged = merged_names(names)
    renamed = [f"{label} as {name}" for label, name in sorted(names.items()) if name != label and name not in merged]
    if renamed:
        yield f"labels of the {whose} that are compared by their emotion: {', '.join(renamed)}"
    for name, labels in merged.items():
        yield f"labels of the {whose} that become one, {name}: {', '.join(labels)}"


def _predict(
    corpus: "pd.DataFrame", arguments: argparse.Namespace, problems: "Problems"
) -> tuple[list[str | None], list[str], "np.ndarray"]:
    """Return what the model says of each clip of an emotion it was taught, None of others; and what it was taught.

    Returns
    -------
    said : list of str or None
    taught : list of str
    sure : ndarray of shape (n_clips,)
        Probability of each answer.
    """
    import numpy as np

    from sere.cli.inputs import load_model, visible
    from sere.cli.portions import predictions
    from sere.cli.problems import PLACE
    from sere.datasets.emotions import shared_names

    model = load_model(arguments.model, arguments.allow)
    taught = [str(name) for name in model.classes_]
    names, names_taught = shared_names(corpus["emotion"], taught)
    asked = [k for k, label in enumerate(corpus["emotion"]) if names[label] in names_taught.values()]
    said: list[str | None] = [None] * len(corpus)
    sure = np.zeros(len(corpus))
    clips = corpus.iloc[asked]
    seen = visible(clips).assign(**{PLACE: clips[PLACE].to_numpy()})
    for _, rows, probabilities in predictions(model, seen, problems, arguments.quiet):
        for row, best in zip(rows, probabilities.argmax(axis=1)):
            said[asked[row]] = taught[best]
        sure[[asked[row] for row in rows]] = probabilities.max(axis=1)
    return said, taught, sure


def _read_predictions(corpus: "pd.DataFrame", file: Path) -> tuple[list[str | None], list[str], bool]:
    """Return what a list says of each clip (None: nothing), its emotions, and whether it names all that were taught."""
    from sere.cli.inputs import identities
    from sere.datasets.tables import numbers, read_table

    spans = [name for name in ("start", "end") if name in corpus]
    table = read_table(file, ["path", "emotion", *spans], needed=("path", "emotion"))
    spans = [name for name in spans if name in table.clips]
    clips = table.clips.assign(**{name: numbers(table.clips[name], table.decimal) for name in spans})
    found = dict(zip(identities(clips, spans), clips["emotion"]))
    said = [found.get(identity) or None for identity in identities(corpus, spans)]
    if not any(said):
        first = f" (its first is {clips['path'].iloc[0]!r})" if len(clips) else ""
        raise ValueError(f"no path of {file} is a clip of the corpus{first}")
    # `sere predict` writes a column of probabilities for each emotion that the model was taught.
    columns = [name.removeprefix("p_") for name in table.header if name.startswith("p_")]
    occurring = sorted({emotion for emotion in clips["emotion"] if emotion})
    complete = set(occurring) <= set(columns)
    return said, columns if complete else occurring, complete
