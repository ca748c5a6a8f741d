"""Kaldi's data folders, which ESPnet and others share: lines of a name and what belongs to it.

``wav.scp`` names recordings, ``segments`` utterances within them (without it a recording is an utterance); ``utt2spk``,
``utt2lang`` and ``text`` tell the rest. Kaldi knows no emotions: they are read from ``utt2emo``, ``utt2emotion`` or
``utt2label``. A ``wav.scp`` may hold commands, which are never run.
"""

from pathlib import Path

from sere.datasets.formats.rows import Places, Row

#: Files that may hold the emotions.
EMOTIONS = ("utt2emo", "utt2emotion", "utt2label")


def is_kaldi(place: Path) -> bool:
    """Whether a folder is a data folder of Kaldi."""
    return place.is_dir() and (place / "wav.scp").is_file()


def read_kaldi(place: Path) -> list[Row]:
    """Return the utterances of a data folder."""
    recordings = _recordings(place)
    emotions = next((_table(place / name) for name in EMOTIONS if (place / name).is_file()), {})
    speakers, languages, said = (_table(place / name) for name in ("utt2spk", "utt2lang", "text"))
    rows = []
    for where, name, path, start, end in _utterances(place, recordings):
        rows.append(
            Row(
                where=where,
                path=path,
                corpus=place.resolve().name,
                emotion=emotions.get(name),
                speaker=speakers.get(name),
                language=languages.get(name),
                text=said.get(name),
                start=start,
                end=end,
                name=name,
            )
        )
    return rows


def _recordings(folder: Path) -> dict[str, tuple[str, str]]:
    """Return where each recording is listed, and its path."""
    places = Places(folder)
    found = {}
    for where, name, rest in _lines(folder / "wav.scp"):
        if rest.endswith("|") or rest.startswith("|"):
            raise ValueError(
                f"{where}: {name} is a command ({rest[:60]}), and commands are not run; write its output to a file "
                "and name that in wav.scp."
            )
        found[name] = where, places.find(rest)
    return found


def _utterances(
    folder: Path, recordings: dict[str, tuple[str, str]]
) -> list[tuple[str, str, str, float | None, float | None]]:
    """Return where each utterance is listed, its name, path, start and end."""
    if not (folder / "segments").is_file():
        return [(where, name, path, None, None) for name, (where, path) in recordings.items()]
    found: list[tuple[str, str, str, float | None, float | None]] = []
    for where, name, rest in _lines(folder / "segments"):
        fields = rest.split()
        if len(fields) not in (3, 4):
            raise ValueError(f"{where}: there must be utterance, recording, start and end.")
        if len(fields) == 4 and fields[3] != "-1":
            raise ValueError(f"{where}: channel {fields[3]} cannot be picked; write it to a file of its own.")
        if fields[0] not in recordings:
            raise ValueError(f"{where}: wav.scp has no recording {fields[0]!r}.")
        try:
            start, end = float(fields[1]), float(fields[2])
        except ValueError:
            raise ValueError(f"{where}: start and end must be seconds, got {fields[1]} and {fields[2]}.") from None
        found.append((where, name, recordings[fields[0]][1], start, None if end < 0 else end))
    return found


def _table(file: Path) -> dict[str, str]:
    return {name: rest for _, name, rest in _lines(file)} if file.is_file() else {}


def _lines(file: Path) -> list[tuple[str, str, str]]:
    """Return where each line stands, its name, and what follows."""
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="surrogateescape").splitlines(), start=1):
        name, _, rest = line.strip().replace("\t", " ").partition(" ")
        if name and not rest.strip() and file.name != "text":
            raise ValueError(f"{file}, line {number}: nothing follows {name!r}.")
        if name:
            found.append((f"{file}, line {number}", name, rest.strip()))
    return found
