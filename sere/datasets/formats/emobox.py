"""EmoBox (Ma et al. 2024): metadata of 32 corpora, an object a clip.

``data/cafe/cafe.jsonl`` lists a corpus, ``data/cafe/fold_1/cafe_train_fold_1.jsonl`` a part of it; a path begins with
``downloads/`` and starts where ``data`` lies. Labels are the corpus's own codes: ``label_map.json`` tells what they
mean, and ``data.seg.wrd.stm`` who speaks. Both lie in the corpus's folder. The language that the latter gives is "en"
throughout, and so not taken.
"""

import json
import re
from pathlib import Path

from sere.datasets.formats.objects import first_object, is_json, objects
from sere.datasets.formats.rows import Places, Row, texts

_SPEAKER = re.compile(r"<id=(?P<key>.*),lang=.*?,spk=(?P<speaker>.*),emotion=.*>")


def is_emobox(place: Path) -> bool:
    """Whether a file, or a folder's file of the same name, lists clips as EmoBox does."""
    file = _listed(place)
    return is_json(file) and {"wav", "emo"} <= first_object(file).keys()


def read_emobox(place: Path) -> list[Row]:
    """Return the clips of EmoBox's metadata, labels as ``label_map.json`` has them."""
    file = _listed(place)
    meanings, speakers = _label_map(file.parent), _speakers(file.parent)
    places = Places(file.parent)
    rows = []
    for where, entry in objects(file):
        path, label, key = texts(entry, ["wav"]), texts(entry, ["emo"]), texts(entry, ["key"])
        if path is None:
            raise ValueError(f"{where}: 'wav', the path, is missing.")
        if entry.get("type", "raw") != "raw":
            raise ValueError(f"{where}: its type is {entry['type']!r}, and only 'raw' audio can be read.")
        corpus = texts(entry, ["dataset"]) or file.stem
        who = speakers.get(key or "")
        rows.append(
            Row(
                where=where,
                path=places.find(path),
                corpus=corpus,
                emotion=meanings.get(label, label) if label is not None else None,
                speaker=f"{corpus}-{who}" if who else None,
                start=entry.get("start_time"),
                end=entry.get("end_time"),
                name=key,
            )
        )
    return rows


def _listed(place: Path) -> Path:
    return place / f"{place.resolve().name}.jsonl" if place.is_dir() else place


def _label_map(folder: Path) -> dict[str, str]:
    file = _beside(folder, "label_map.json")
    if file is None:
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {str(code): str(label) for code, label in found.items()}
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{file} is no object of labels ({error}).") from error


def _speakers(folder: Path) -> dict[str, str]:
    file = _beside(folder, "data.seg.wrd.stm")
    if file is None:
        return {}
    lines = file.read_text(encoding="utf-8").splitlines()
    return {found["key"]: found["speaker"] for line in lines if (found := _SPEAKER.search(line))}


def _beside(folder: Path, name: str) -> Path | None:
    """Return a file of the corpus: beside its list, or one folder up from that of a fold."""
    return next((file for file in (folder / name, folder.parent / name) if file.is_file()), None)
