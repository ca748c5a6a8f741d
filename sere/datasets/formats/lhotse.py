"""lhotse's manifests: cuts, or supervisions beside the recordings that they are about.

A supervision is a clip; so is a cut whose own ``custom`` names an emotion. lhotse has no field for it, so ``custom``
is looked into, of the supervision and of the cut. Times of a supervision count from its cut, and in a manifest of
supervisions from the recording. What lhotse would compute on the way (mixed and padded cuts, changed speed or volume)
is not done here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sere.datasets.formats.objects import JSON_ENDINGS, first_object, is_json, objects
from sere.datasets.formats.rows import EMOTION_NAMES, Places, Row, listed, texts

# Resampling alone leaves what is heard as it was.
_HARMLESS = {"Resample"}


def is_lhotse(place: Path) -> bool:
    """Whether a file is a manifest of lhotse's, or a folder holds some."""
    return bool(_manifests(place)) if place.is_dir() else is_json(place) and _kind(place) is not None


def read_lhotse(place: Path) -> list[Row]:
    """Return the clips of a manifest, or of all manifests of a folder."""
    files = _manifests(place) if place.is_dir() else [place]
    rows = [row for file in files for row in _read(file)]
    seen: dict[str, str] = {}
    for row in rows:
        other = seen.setdefault(row.name or row.where, row.where)
        if other != row.where and len(files) > 1:
            raise ValueError(f"{row.where}: {row.name!r} is in {other}, too; pass one of the manifests of {place}.")
    return rows


def _kind(file: Path) -> str | None:
    keys = first_object(file).keys()
    if "recording_id" in keys and "duration" in keys:
        return "supervisions"
    if "sources" in keys and "sampling_rate" in keys:
        return "recordings"
    return "cuts" if {"id", "type"} <= keys and {"recording", "tracks", "duration"} & keys else None


def _manifests(folder: Path) -> list[Path]:
    """Return a folder's manifests of cuts; without any those of supervisions, or else of recordings."""
    files = [file for file in listed(folder) if is_json(file)]
    for kind in ("cuts", "supervisions", "recordings"):
        found = [file for file in files if kind in file.name and _kind(file) == kind]
        if found:
            return found
    return []


def _read(file: Path) -> Iterator[Row]:
    kind = _kind(file)
    if kind is None:
        raise ValueError(f"{file} is no manifest of cuts, supervisions or recordings.")
    places = Places(file.parent)
    if kind == "cuts":
        for where, cut in objects(file):
            yield from _of_cut(where, cut, places, _corpus(file))
        return
    recordings = {str(entry.get("id")): entry for _, entry in objects(_other(file, kind, "recordings"))}
    for where, entry in objects(_other(file, kind, "supervisions")):
        recording = recordings.get(str(entry.get("recording_id")))
        if recording is None:
            raise ValueError(f"{where}: there is no recording {entry.get('recording_id')!r}.")
        start = _number(entry, "start", where)
        yield _row(where, [entry], recording, start, start + _number(entry, "duration", where), places, _corpus(file))


def _other(file: Path, kind: str, wanted: str) -> Path:
    """Return the manifest of recordings or supervisions that goes with a file, itself if it is one."""
    other = file if kind == wanted else file.with_name(file.name.replace(kind, wanted))
    if kind != wanted and (other == file or not other.is_file()):
        raise FileNotFoundError(
            f"{file} holds {kind}, and there is no {other.name if other != file else wanted} beside it; a manifest of "
            "cuts holds both."
        )
    return other


def _of_cut(where: str, cut: dict[str, Any], places: Places, corpus: str) -> Iterator[Row]:
    kind = cut.get("type")
    if kind not in ("MonoCut", "MultiCut"):
        raise ValueError(f"{where}: a {kind} is made by lhotse; save its sound with `cuts.save_audios` and read that.")
    recording = cut.get("recording")
    if not isinstance(recording, dict):
        raise ValueError(f"{where}: the cut has no recording; features alone cannot be listened to.")
    first = _number(cut, "start", where)
    last = first + _number(cut, "duration", where)
    supervisions = [entry | {"channel": entry.get("channel", cut.get("channel"))} for entry in cut["supervisions"]]
    if texts(cut.get("custom") or {}, EMOTION_NAMES) is not None or not supervisions:
        known = supervisions if len(supervisions) == 1 else []
        yield _row(where, [cut, *known], recording, first, last, places, corpus)
        return
    for entry in supervisions:
        start = first + _number(entry, "start", where)
        end = min(last, start + _number(entry, "duration", where))
        yield _row(where, [entry, cut], recording, max(first, start), end, places, corpus)


def _row(
    where: str,
    about: list[dict[str, Any]],
    recording: dict[str, Any],
    start: float,
    end: float,
    places: Places,
    corpus: str,
) -> Row:
    """Return a clip from what speaks of it, the nearest first."""
    whole = start <= 0 and end >= float(recording.get("duration", end + 1)) - 1e-3
    emotions = (texts(entry.get("custom") or {}, EMOTION_NAMES) for entry in about)

    def known(*names: str) -> str | None:
        return next((text for text in (texts(entry, names) for entry in about) if text), None)

    return Row(
        where=where,
        path=places.find(_file(where, recording, about[0].get("channel"))),
        corpus=corpus,
        emotion=next((emotion for emotion in emotions if emotion), None),
        speaker=known("speaker"),
        language=known("language"),
        text=known("text"),
        start=None if whole else round(start, 9),
        end=None if whole else round(end, 9),
        name=texts(about[0], ["id"]),
    )


def _file(where: str, recording: dict[str, Any], channel: Any) -> str:
    """Return the file that holds the channels of a clip and no others."""
    changes = {change.get("name") for change in recording.get("transforms") or []} - _HARMLESS
    if changes:
        raise ValueError(
            f"{where}: lhotse would change the sound ({', '.join(sorted(map(str, changes)))}); save it with "
            "`cuts.save_audios` and read that."
        )
    sources = recording.get("sources") or []
    wanted = set(channel if isinstance(channel, list) else [channel]) - {None}
    fitting = [source for source in sources if not wanted or wanted == set(source.get("channels", wanted))]
    if len(fitting) != 1:
        raise ValueError(
            f"{where}: recording {recording.get('id')!r} has no file of channel {channel} alone, and none can be "
            "picked; write it to a file of its own."
        )
    if fitting[0].get("type") != "file":
        raise ValueError(
            f"{where}: the sound of recording {recording.get('id')!r} is a {fitting[0].get('type')}, and only files "
            "are read; save it with `cuts.save_audios`."
        )
    return str(fitting[0]["source"])


def _number(entry: dict[str, Any], name: str, where: str) -> float:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where}: {name!r} must be a number of seconds, got {value!r}.")
    return float(value)


def _corpus(file: Path) -> str:
    return next(file.name[: -len(ending)] for ending in JSON_ENDINGS if file.name.lower().endswith(ending))
