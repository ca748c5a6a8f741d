"""Corpora whose labels stand in tables beside the audio.

IEMOCAP (Busso et al. 2008): the consensus label of each turn is a line of
``Session?/dialog/EmoEvaluation/*.txt``. Excitement counts as happiness, as most papers have it;
the four classes usually reported (anger, happiness, neutral, sadness) hold 5,531 turns. Turns
without consensus are left out.

MELD (Poria et al. 2019): ``{train,dev,test}_sent_emo.csv`` list the utterances, the clips are
video files.
"""

import csv
import re
from pathlib import Path

from sere.datasets.emotions import by_word
from sere.datasets.registry import Corpus, Fields, Table, register_corpus

_TURN = re.compile(r"\[[\d.]+ - [\d.]+\]\t(\w+)\t(\w+)\t")
_SPLIT = re.compile(r"(train|dev|test)_sent_emo", re.IGNORECASE)


def _iemocap_labels(root: Path) -> Table:
    """Return turn name -> its consensus label, from every evaluation file below `root`."""
    labels: dict[str, Fields] = {}
    for file in sorted(root.rglob("EmoEvaluation/*.txt")):
        if file.name.startswith("."):
            continue
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            turn = _TURN.match(line)
            if turn:
                labels[turn[1].casefold()] = {"emotion": turn[2]}
    if not labels:
        raise ValueError(
            "IEMOCAP's labels are in Session?/dialog/EmoEvaluation/*.txt, and there are none "
            f"below {root}. Give the folder that holds Session1 ... Session5."
        )
    return labels


def _iemocap(fields: Fields, table: Table) -> Fields | None:
    row = table.get((fields["clip"] or "").casefold())
    return {**fields, **row, "speaker": f"{fields['session']}{fields['who']}".upper()} if row else None


def _meld_labels(root: Path) -> Table:
    """Return split/dialogue/utterance -> emotion and speaker, from the tables below `root`."""
    labels: dict[str, Fields] = {}
    for file in sorted(root.rglob("*.csv")):
        split = _SPLIT.fullmatch(file.stem)
        if not split:
            continue
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            for row in csv.DictReader(stream):
                key = f"{split[1].casefold()}/{int(row['Dialogue_ID'])}/{int(row['Utterance_ID'])}"
                speaker = row["Speaker"].strip()
                labels[key] = {"emotion": row["Emotion"].strip(), "speaker": speaker or None}
    if not labels:
        raise ValueError(
            "MELD's labels are in train_sent_emo.csv, dev_sent_emo.csv and test_sent_emo.csv, "
            f"and there are none below {root}. Put them beside the video folders."
        )
    return labels


def _meld(fields: Fields, table: Table) -> Fields | None:
    split = (fields["split"] or "").casefold()
    clip = f"{split}/{int(fields['dialogue'] or 0)}/{int(fields['utterance'] or 0)}"
    row = table.get(clip)
    return {**fields, **row, "clip": clip} if row else None


for _corpus in (
    Corpus(
        name="iemocap",
        title="IEMOCAP",
        language="en",
        layout="Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
        # The speaker is who has the turn (last part), not who wears the markers (first part).
        pattern=r"(?P<clip>(?P<session>Ses0[1-5])[FM]_(?:impro|script)[^/]*_(?P<who>[FM])[X\d]{2}\d)",
        emotions={
            "ang": "anger",
            "dis": "disgust",
            "exc": "happiness",
            "fea": "fear",
            "fru": "frustration",
            "hap": "happiness",
            "neu": "neutral",
            "sad": "sadness",
            "sur": "surprise",
            "oth": None,
            "xxx": None,
        },
        clips=10039,
        license="research only, after signing",
        tables=_iemocap_labels,
        refine=_iemocap,
    ),
    Corpus(
        name="meld",
        title="MELD",
        language="en",
        layout="train_splits/dia0_utt0.mp4 and train_sent_emo.csv",
        pattern=r"[^/]*(?P<split>train|dev|test)[^/]*/dia(?P<dialogue>\d+)_utt(?P<utterance>\d+)",
        emotions=by_word("anger disgust fear joy neutral sadness surprise"),
        clips=13708,
        license="GPL-3.0 (labels); the clips are from a television series",
        left_out={r"[^/]*train[^/]*/dia125_utt3": "the file is broken"},
        tables=_meld_labels,
        refine=_meld,
    ),
):
    register_corpus(_corpus)
