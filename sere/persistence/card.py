"""The card of a model in a folder: Markdown for people, with the metadata that the Hugging Face Hub reads."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sere.encoders.languages import same_language

#: The last line of a card that may be written again; who edits a card takes it out.
OURS = "<!-- Written by sere.save, which writes it anew. Take this line out, and the card stays as you made it. -->"

_ROLES = {"X": "labeled", "X_unlabeled_src": "source pool", "X_unlabeled_tgt": "target pool"}
#: Whose work an encoder that comes with the library stands on.
_ORIGINS = {
    "speech": "`speech`: the first layers of OpenAI's Whisper tiny.en (MIT licence).",
    "egemaps": "`egemaps`: openSMILE, whose licence is for research and teaching only; it is installed apart.",
}


def card(facts: Mapping[str, Any], releases: Mapping[str, str], license: str | None, scores: Any) -> str:
    """Return the card.

    Parameters
    ----------
    facts : mapping
        As :func:`sere.persistence.facts.facts_of` returns them.
    releases : mapping of str to str
        What wrote the model.
    license : str or None
    scores : str, mapping, DataFrame, TaskResult or None
    """
    emotions = facts["emotions"]
    told = (
        f"tells {len(emotions)} emotions apart: {', '.join(emotions)}" if emotions else "holds no emotions of its own"
    )
    lead = [f"A model of `sere`, speech emotion recognition in Python: `{_way(facts)}`. It {told}."]
    if emotions:
        lead.append(f"Guessing would be right in {100 / len(emotions):.1f} %.")
    sections = {
        f"{facts['model']}: {', '.join(emotions) or 'a part of a chain'}": " ".join(lead),
        "Use": _use(facts),
        "Made from": _data(facts),
        "Encoder": _encoder(facts),
        "Scores": _scores(scores),
        "Mind": _items([*facts["cautions"], *_always(emotions)]),
        "Settings": _settings(facts, releases),
        "Licence": _licence(facts, license),
    }
    body = [f"{'#' if k == 0 else '##'} {title}\n\n{text}\n" for k, (title, text) in enumerate(sections.items())]
    return "\n".join([_front(facts, license), *body, OURS, ""])


def plain_scores(scores: Any) -> Any:
    """Return scores as JSON can hold them.

    Raises
    ------
    TypeError
        No scores.
    """
    if scores is None or isinstance(scores, str):
        return scores
    if hasattr(scores, "summary") and hasattr(scores, "interval"):
        low, high = scores.interval
        found = {"uar": scores.uar, "low": low, "high": high, "chance": scores.chance, "clips": len(scores.y_true)}
        return {name: _plain(value) for name, value in found.items()}
    if isinstance(scores, pd.Series):
        scores = scores.to_dict()
    if isinstance(scores, Mapping):
        return {str(name): _plain(value) for name, value in scores.items()}
    if isinstance(scores, pd.DataFrame):
        return [{name: _plain(value) for name, value in row.items()} for row in _flat(scores).to_dict("records")]
    raise TypeError(
        "scores are a dict from name to number, a DataFrame, a result of sere.evaluation.run_task or a text, such as "
        f"what `sere evaluate` printed; got {type(scores).__name__}"
    )


def _front(facts: Mapping[str, Any], license: str | None) -> str:
    """Return the front matter; each value is JSON, which YAML reads."""
    spoken = {same_language(language) for record in facts["data"] for language in record["languages"]}
    hub = [name for name in facts["outside"] if re.fullmatch(r"[\w.-]+/[\w.-]+", name)]
    fields: dict[str, Any] = {
        "library_name": "sere",
        "license": license or "unknown",
        "language": sorted(code for code in spoken if re.fullmatch("[a-z]{2,3}", code)),
        "pipeline_tag": "audio-classification" if facts["emotions"] and facts["features"] is None else None,
        "tags": ["sere", "speech-emotion-recognition", "few-shot", "cross-lingual"],
        "base_model": hub,
    }
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items() if value]
    return "\n".join(["---", *lines, "---", ""])


def _way(facts: Mapping[str, Any]) -> str:
    return " > ".join(facts["steps"] or [facts["model"]])


def _use(facts: Mapping[str, Any]) -> str:
    outside = f", allow={facts['outside']!r}" if facts["outside"] else ""
    lines = ["```python", "import sere", "", f'model = sere.load("FOLDER"{outside})  # runs nothing of the folder']
    if facts["emotions"]:
        asked = "X)  # vectors of the features it was fitted on" if facts["features"] else '["clip.wav"])'
        lines.append(f"model.predict({asked}")
    lines += ["```", "", 'From the Hub, `huggingface_hub.snapshot_download("OWNER/NAME")` returns the folder.']
    if facts["outside"]:
        names = _words(facts["outside"])
        lines += ["", f"Predicting opens what is not in the folder, and `allow` permits just that: {names}. What was"]
        lines += ["named by its place on the machine that made the model goes by that place, which the error says."]
    return "\n".join(lines)


def _data(facts: Mapping[str, Any]) -> str:
    if not facts["data"]:
        return "Not recorded." if facts["emotions"] else "Nothing was fitted."
    rows = [
        [
            _role(record["where"]),
            record["clips"],
            record["speakers"] or "not said",
            ", ".join(record["languages"]) or "not said",
            ", ".join(record["corpora"]) or "not said",
            record.get("digest", "not kept"),
        ]
        for record in facts["data"]
    ]
    labels = [f"{name} {n}" for record in facts["data"] for name, n in record.get("labels", {}).items()]
    return "\n\n".join(
        [
            _table(["", "clips", "speakers", "languages", "corpora", "digest of the list"], rows),
            f"Labeled clips of each emotion: {', '.join(labels)}. Labels of the pools were not used.",
            "The model holds no audio, no speakers' names and no places of clips. Of speakers that fit was told it may "
            "hold the mean and SD of descriptors under a salted hash of each name, by which it knows them again: who "
            "has the model and guesses a name can see whether it is there. Of labeled clips it may hold frames of the "
            "learned embedding. Equal digests mean equal lists of files, labels and speakers: who has the model and "
            "guesses a whole list can see whether it is the one.",
        ]
    )


def _role(where: str) -> str:
    name, bracket, number = where.partition("[")
    return _ROLES.get(name, name) + (f" {int(number[:-1]) + 1}" if bracket else "")


def _encoder(facts: Mapping[str, Any]) -> str:
    if facts["features"] is not None:
        return f"None: it was fitted on vectors of {facts['features']} features."
    parts = [f"Clips are heard by {_words(facts['encoders'])}." if facts["encoders"] else "None of its own."]
    parts += [
        text for name, text in _ORIGINS.items() if any(name in re.split("[+-]", own) for own in facts["encoders"])
    ]
    columns = ["corpus", "languages", "clips", "speakers", "licence"]
    for known in facts["experience"]:
        rows = [
            [c["name"], ", ".join(c["languages"]), c["clips"], c["speakers"], c.get("licence", "unknown")]
            for c in known["corpora"]
        ]
        parts += [f"`{known['encoder']}` learned from these corpora, with their labels:", _table(columns, rows)]
    return "\n\n".join(parts)


def _scores(scores: Any) -> str:
    if scores is None:
        return "None were given by who saved it."
    if isinstance(scores, str) or hasattr(scores, "summary"):
        text = scores if isinstance(scores, str) else scores.summary()
        return f"```text\n{text.strip()}\n```"
    found = plain_scores(scores)
    if isinstance(found, list):
        return _table(list(found[0]) if found else [], [list(row.values()) for row in found])
    return _table(["score", "value"], [list(pair) for pair in found.items()])


def _always(emotions: Sequence[str]) -> list[str]:
    if not emotions:
        return []
    return [
        "It answers any sound with one of its emotions, silence and noise as well.",
        "It says how speech sounds, not what somebody feels, and voices, languages and rooms that are unlike those it "
        "was made from are judged worse. Not for deciding about people.",
    ]


def _settings(facts: Mapping[str, Any], releases: Mapping[str, str]) -> str:
    rows = [[f"`{name}`", json.dumps(value, ensure_ascii=False)] for name, value in facts["settings"].items()]
    text = _table(["parameter", "value"], rows) if rows else "All parameters are at their defaults."
    return f"{text}\n\nWritten by {', '.join(f'{name} {release}' for name, release in releases.items())}."


def _licence(facts: Mapping[str, Any], license: str | None) -> str:
    text = f"The model: {license}." if license else "Who saved the model gave it no licence: ask before you use it."
    if facts["experience"] or facts["outside"]:
        text += " The encoder and the corpora behind it have licences of their own, as above."
    return text


def _items(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences) or "Nothing is known."


def _words(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table of Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return " ".join(text.split()).replace("|", "\\|")


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose index, if it says anything, is a column."""
    named = not isinstance(table.index, pd.RangeIndex)
    flat = table.reset_index() if named else table.copy()
    flat.columns = [" ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in flat.columns]
    return flat


def _plain(value: Any) -> Any:
    """Return a number or a text; None for what is missing."""
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if pd.api.types.is_scalar(value):
        if pd.isna(value) or value in (np.inf, -np.inf):
            return None
        value = getattr(value, "item", lambda: value)()
        return value if isinstance(value, (str, bool, int, float)) else str(value)
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else str(value)
