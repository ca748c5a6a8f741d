"""Speaking up: what the clips of fit and predict themselves tell that a user would want to know.

They are judged by their facts (:mod:`sere.checks.facts`), once all are embedded. Thresholds lie beyond what five
corpora of acted speech in five languages hold: EmoDB, EMOVO, CASIA, RAVDESS and ASED raise no warning, in either
protocol.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sere.checks.copies import recordings
from sere.checks.data import ENOUGH, Group, counted
from sere.checks.facts import Facts

#: Seconds below which a clip hardly holds a syllable, and above which one label for all of it is doubtful.
SHORT, LONG = 0.3, 60.0
#: Peak below which samples are too coarse to tell clips apart.
COARSE = 1e-3
#: dB below full scale under which a pool is too quiet; quiet corpora of actors have -35.
QUIET = -60.0
#: dB between the loud parts of two groups.
LEVEL_GAP = 35.0
#: dB from a clip's quiet to its loud parts; below, noise is as loud as speech.
NOISY = 8.0
#: dB of power above 4.3 kHz: below in speech through a telephone, above in any other.
PHONE, WIDE = -55.0, -50.0
#: Share of frames with a voice below which a clip is not speech.
VOICELESS = 0.02
#: Share of samples at a clip's peak, and the part of a group's clips, from which it counts as clipped.
AT_PEAK, MANY = 0.01, 0.2
#: Part of a clip's RMS that is a constant.
OFFSET = 0.5
#: Share of clips that may be copies of others beside them, as some corpora have; or, in a pool, have no voice.
FEW = 0.05

#: Rows of a group, each with the number of its recording.
Identities = list[tuple[int, int]]


def heard(groups: Sequence[Group], classes: np.ndarray, codes: np.ndarray) -> Iterator[str]:
    """Yield what the clips themselves tell.

    Parameters
    ----------
    groups : sequence of Group
        The labeled clips first, all with their facts.
    classes : ndarray of shape (n_classes,)
    codes : int ndarray of shape (n_labeled,)
    """
    known = identities(groups)
    contradictions = list(_two_labels(groups[0], known[0], classes.tolist(), codes))
    yield from contradictions
    for group, own in list(zip(groups, known, strict=True))[bool(contradictions) :]:
        yield from _repeated(group, own)
    yield from _shared(groups, known)
    for group in groups:
        for found in (_silent, _without_voice, _lengths, _levels, _damaged):
            yield from found(group)
    yield from _other_channels(groups)
    yield from acquaintances(groups)


def asked(group: Group) -> Iterator[str]:
    """Yield what is to be known of clips to predict."""
    yield from _silent(group)
    yield from _without_voice(group)
    yield from _long(group)


def answered(group: Group, answers: np.ndarray) -> Iterator[str]:
    """Yield a warning where all clips of a target pool that a model was asked about get one answer."""
    different = set(answers.tolist())
    if len(answers) >= ENOUGH and len(different) == 1:
        yield (
            f"each of {len(answers)} clips of {group.name} is taken for {different.pop()!r}: the model tells nothing "
            "apart there. Pass the pool that the clips to predict come from, with its speakers, and check that labels, "
            "languages and recordings fit"
        )


def _two_labels(labeled: Group, known: Identities, classes: list[Any], codes: np.ndarray) -> Iterator[str]:
    rows = defaultdict(list)
    for row, recording in known:
        rows[recording].append(row)
    torn = [same for same in rows.values() if len({codes[row] for row in same}) > 1]
    if torn:
        said = ", ".join(f"{labeled.row(row)} {classes[codes[row]]!r}" for row in torn[0][:5])
        yield (
            f"two labels are given to {counted(len(torn), 'clip')} of {labeled.name} ({said}"
            f"{', ...' if len(torn) > 1 else ''}): at most one of them is right. Correct the labels"
        )


def _repeated(group: Group, known: Identities) -> Iterator[str]:
    found = Counter(recording for _, recording in known)
    spare = found.total() - len(found)
    if not found:
        return
    most = max(found.values())
    if spare > 0.5 * len(group):
        yield (
            f"{group.name} is {counted(len(found), 'clip')} in many copies (one of them {most} times among "
            f"{len(group)}): copies say nothing new, and standardisation rests on them. Pass each clip once"
        )
    elif spare > FEW * len(group):
        yield (
            f"{spare} of the {len(group)} clips of {group.name} are copies of others of it (one clip is there {most} "
            "times): each counts again. Pass each clip once"
        )
    elif len(group) >= ENOUGH and _alike(group.facts):
        yield (
            f"all {len(group)} clips of {group.name} sound nearly the same (length, level, voice): they may be copies "
            "of one recording. Pass distinct clips"
        )


def _alike(facts: Facts | None) -> bool:
    """Whether clips have one length and hardly differ in level and voice."""
    return facts is not None and bool(
        np.ptp(facts.seconds) < 0.02 and np.ptp(facts.level) < 0.5 and np.ptp(facts.voiced) < 0.05
    )


def _shared(groups: Sequence[Group], known: Sequence[Identities]) -> Iterator[str]:
    """Yield what is in two groups; labeled clips may be in the source pool, which is where they come from."""
    labeled = {recording for _, recording in known[0]}
    source = {
        recording for group, own in zip(groups, known, strict=True) if group.role == "source" for _, recording in own
    }
    for group, own in zip(groups, known, strict=True):
        if group.role != "target":
            continue
        taught = np.array([row for row, recording in own if recording in labeled], dtype=int)
        if len(taught):
            yield (
                f"{len(taught)} of the labeled clips are in {group.name} too, as they are, re-coded or trimmed "
                f"({group.rows(taught)}): a score on that pool counts answers that were given. Leave them out of one"
            )
        mixed = np.array([row for row, recording in own if recording in source], dtype=int)
        if len(mixed):
            yield (
                f"{len(mixed)} of the {len(group)} clips of {group.name} are in the source pool too, as they are, "
                f"re-coded or trimmed ({group.rows(mixed)}): one language is then taken for the other. Leave them out "
                "of one"
            )


def identities(groups: Sequence[Group]) -> list[Identities]:
    """Return (row, number of its recording) of each clip that is loud enough to be told from others, by group."""
    facts = Facts.chain([group.facts for group in groups if group.facts is not None])
    numbers = recordings(facts.digest, facts.print, facts.sounding, len(groups[0]))
    parts = np.split(numbers, np.cumsum([len(group) for group in groups])[:-1])
    told = np.split(facts.peak >= COARSE, np.cumsum([len(group) for group in groups])[:-1])
    return [
        list(zip(np.flatnonzero(loud).tolist(), own[loud].tolist(), strict=True))
        for own, loud in zip(parts, told, strict=True)
    ]


def _silent(group: Group) -> Iterator[str]:
    assert group.facts is not None
    silent = group.facts.silent
    if silent.any():
        yield (
            f"{silent.sum()} of the {len(group)} clips of {group.name} are digital silence ({group.rows(silent)}): "
            "they tell of no emotion. Leave them out, and check how they were recorded or cut"
        )


def _without_voice(group: Group) -> Iterator[str]:
    facts = group.facts
    assert facts is not None
    mute = (facts.voiced < VOICELESS) & (~facts.silent) & (facts.seconds >= SHORT)
    if mute.sum() > (FEW * len(group) if group.is_pool else 0):
        yield (
            f"no voice is heard in {mute.sum()} of the {len(group)} clips of {group.name} ({group.rows(mute)}): they "
            "are noise, whispering or no speech, and what is said of them, however sure, means nothing. Listen to "
            "them, and leave them out"
        )


def _lengths(group: Group) -> Iterator[str]:
    facts = group.facts
    assert facts is not None
    short = (facts.seconds < SHORT) & (~facts.silent)
    if short.sum() > MANY * len(group):
        yield (
            f"{short.sum()} of the {len(group)} clips of {group.name} are shorter than {SHORT:g} s "
            f"({group.rows(short)}): hardly a syllable, too little to tell an emotion by. Pass whole phrases"
        )
    yield from _long(group)


def _long(group: Group) -> Iterator[str]:
    assert group.facts is not None
    long = group.facts.seconds > LONG
    if long.any():
        yield (
            f"{long.sum()} of the {len(group)} clips of {group.name} are longer than {LONG:g} s ({group.rows(long)}, "
            f"up to {group.facts.seconds.max():.0f} s): one emotion stands for all of it. Cut them into phrases, by "
            "the columns 'start' and 'end', or see sere.timeline"
        )


def _levels(group: Group) -> Iterator[str]:
    facts = group.facts
    assert facts is not None
    loud = ~facts.silent
    if not loud.any():
        return
    level, span = np.median(facts.level[loud]), np.median(facts.span[loud])
    if level < QUIET:
        yield (
            f"{group.name} is hardly audible (its speech is {-level:.0f} dB below full scale): few of the steps "
            "of a recording are used, and what is left is mostly noise. Check the recordings' gain, or the "
            "waveforms' scale"
        )
    elif span < NOISY and np.median(facts.seconds) >= SHORT:
        yield (
            f"the pauses of {group.name} are only {span:.0f} dB below its speech: noise drowns it. Check the "
            "recordings, or take noise away first"
        )


def _damaged(group: Group) -> Iterator[str]:
    facts = group.facts
    assert facts is not None
    clipped = (facts.at_peak > AT_PEAK) & (facts.peak > COARSE) & (facts.seconds >= SHORT)
    if clipped.sum() > MANY * len(group):
        yield (
            f"{clipped.sum()} of the {len(group)} clips of {group.name} are clipped ({group.rows(clipped)}): their "
            "peaks are cut off, which sounds like anger. Lower the recording's gain, or use the unclipped originals"
        )
    shifted = (facts.offset > OFFSET) & (~facts.silent)
    if shifted.sum() > MANY * len(group):
        yield (
            f"{shifted.sum()} of the {len(group)} clips of {group.name} stand on a constant offset "
            f"({group.rows(shifted)}), larger than the sound itself: loudness is then the offset's. Subtract each "
            "clip's mean"
        )


def _other_channels(groups: Sequence[Group]) -> Iterator[str]:
    told = [(group, *_channel(group)) for group in groups]
    narrow = [group.name for group, beyond, _ in told if beyond < PHONE]
    wide = [group.name for group, beyond, _ in told if beyond > WIDE]
    if narrow and wide:
        yield (
            f"nothing is heard above 4 kHz in {' and '.join(narrow)}, but in {' and '.join(wide)}: some were recorded "
            "at 8 kHz or through a telephone, and what differs may be the channel rather than the emotion. Record "
            "alike, or resample all to 8 kHz"
        )
    for group, _, level in told:
        gap = told[0][2] - level
        if group.role == "target" and abs(gap) > LEVEL_GAP:
            yield (
                f"the speech of {group.name} is {abs(gap):.0f} dB {'quieter' if gap > 0 else 'louder'} than that of "
                f"{groups[0].name}: what is loud or noisy in one is not in the other. Check that both have one scale"
            )


def _channel(group: Group) -> tuple[float, float]:
    """Return typical dB beyond the telephone's band, and level, of the clips that sound; NaN where none does."""
    facts = group.facts
    assert facts is not None
    loud = facts.peak >= COARSE
    if not loud.any():
        return np.nan, np.nan
    return float(np.median(facts.beyond_phone[loud])), float(np.median(facts.level[loud]))


def acquaintances(groups: Sequence[Group]) -> Iterator[str]:
    """Yield where an encoder learned from the very clips that it meets here."""
    experience = {name: encoder for group in groups for name, encoder in group.clips.experience.items()}
    for name, encoder in experience.items():
        met = [
            f"{digest:016x}" in encoder.card.heard
            for group in groups
            if group.facts is not None and group.clips.encoders is not None
            for digest in group.facts.digest[group.clips.encoders == name].tolist()
        ]
        share = float(np.mean(met)) if met else 0.0
        if share > 0:
            yield (
                f"the encoder {encoder.name!r} learned from {100 * share:.0f} % of these clips, with their labels (its "
                f"corpora: {', '.join(encoder.card.names)}); a score on them says nothing about other speech. For a "
                "fair one use encoder='acoustic', or sere.pretrain_encoder on corpora that are neither source nor "
                "target"
            )
