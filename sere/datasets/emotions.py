"""One vocabulary for emotions, and what the corpora and their users call them.

Corpora name the same emotion by letters (EmoDB's ``W``), syllables (EMOVO's ``gio``) or words
(``happy``, ``joy``, ``Happiness``). The codes of a known corpus are brought to the names of
:data:`EMOTIONS`. The labels of users' own folders and lists stay as they are; where two sets of
labels meet (:func:`shared_names`), those that both have stay, and others meet by the emotion that
they name. A user who wants other names passes a mapping, which always has the last word.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

#: The canonical names, sorted.
EMOTIONS: tuple[str, ...] = (
    "anger",
    "boredom",
    "calm",
    "contempt",
    "disgust",
    "excitement",
    "fear",
    "frustration",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
)

_WORDS: dict[str, str] = {
    "anger": "ang angry anger rage",
    "boredom": "bored boredom boring",
    "calm": "calm calmness",
    "contempt": "contempt contemptuous",
    "disgust": "dis disgust disgusted",
    "excitement": "exc excited excitement",
    "fear": "fea fear fearful afraid anxiety anxious scared",
    "frustration": "fru frustrated frustration",
    "happiness": "hap happy happiness joy joyful",
    "neutral": "neu neutral neutrality",
    "sadness": "sad sadness sorrow",
    "surprise": "sur surprise surprised pleasantsurprise pleasantsurprised ps",
}
#: German, Italian, Spanish, French, Portuguese, Chinese, Japanese, Korean, Turkish, Russian: people label in their own.
_TRANSLATED: dict[str, str] = {
    "anger": "wut ärger zorn rabbia ira enojo enfado colère raiva 愤怒 生气 憤怒 怒り 분노 öfke гнев злость",
    "boredom": "langeweile noia aburrimiento ennui tédio 无聊 無聊 退屈 지루함 скука",
    "calm": "ruhe calma calme 平静 平靜",
    "contempt": "verachtung disprezzo desprecio mépris desprezo 轻蔑",
    "disgust": "ekel disgusto asco dégoût nojo 厌恶 厭惡 嫌悪 혐오 iğrenme отвращение",
    "fear": "angst furcht paura miedo peur medo 害怕 恐惧 恐懼 恐れ 공포 korku страх",
    "happiness": "freude gioia felicità felicidad alegría joie alegria 高兴 高興 快乐 开心 喜び 행복 mutluluk радость",
    "neutral": "neutro neutrale neutralità neutre 中性 中立 중립 nötr нейтрально",
    "sadness": "trauer traurigkeit tristezza tristeza tristesse 悲伤 悲傷 难过 伤心 悲しみ 슬픔 üzüntü грусть",
    "surprise": "überraschung sorpresa surpresa 惊讶 惊奇 吃惊 驚き 놀람 şaşkınlık удивление",
}
_CANONICAL = {
    word.casefold(): name
    for words in (_WORDS, _TRANSLATED)
    for name, listed in words.items()
    for word in listed.split()
}
#: Every word that names an emotion here, abbreviations aside.
WORDS = tuple(word for word in _CANONICAL if len(word) > 3)


def plain_word(label: str) -> str:
    """Return a label without case, punctuation and numbers, as words are compared."""
    return re.sub(r"[\W\d_]+", "", label).casefold()


def canonical_emotion(word: str) -> str | None:
    """Return the canonical name of an emotion word, or None when it is not known.

    Case, punctuation and numbers around the word do not matter.

    Examples
    --------
    >>> canonical_emotion("Happy"), canonical_emotion("01Neutral"), canonical_emotion("wistful")
    ('happiness', 'neutral', None)
    """
    return _CANONICAL.get(plain_word(word))


def by_word(codes: str) -> dict[str, str | None]:
    """Return the canonical name of each emotion code, for corpora whose codes are words, between spaces."""
    return {code: canonical_emotion(code) for code in codes.split()}


def shared_names(first: Iterable[Any], second: Iterable[Any]) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Return what the labels of two sets are called where the sets are compared.

    A label that is in both stays as it is. Another takes the canonical name of its emotion if some
    label that only the other set has names the same emotion; else it stays, too.

    Parameters
    ----------
    first, second : iterables of labels

    Returns
    -------
    names_first, names_second : dict
        From each label to its name.

    Examples
    --------
    >>> shared_names(["Wut", "joy", "smug"], ["anger", "joy"])
    ({'Wut': 'anger', 'joy': 'joy', 'smug': 'smug'}, {'anger': 'anger', 'joy': 'joy'})
    """
    sides = [list(dict.fromkeys(labels)) for labels in (first, second)]
    both = set(sides[0]) & set(sides[1])
    meant = [
        {label: canonical_emotion(label) for label in side if label not in both and isinstance(label, str)}
        for side in sides
    ]
    met = set(meant[0].values()) & set(meant[1].values()) - {None}
    one, other = (
        {label: own[label] if own.get(label) in met else label for label in side} for side, own in zip(sides, meant)
    )
    return one, other


def merged_names(names: Mapping[Any, Any]) -> dict[Any, list[Any]]:
    """Return the names that stand for several labels, with these labels, sorted."""
    groups: dict[Any, list[Any]] = {}
    for label, name in names.items():
        groups.setdefault(name, []).append(label)
    return {name: sorted(labels) for name, labels in groups.items() if len(labels) > 1}


class EmotionNames:
    """Turns a corpus's own labels into emotion names, with the user's mapping in front.

    Parameters
    ----------
    codes : mapping of str to str or None
        The corpus's labels (compared without case) and their canonical names; None: such clips
        have no usable label.
    override : mapping of str to str or None, optional
        The user's mapping. A key is one of the corpus's labels or a canonical name; None drops
        the clips.

    Raises
    ------
    ValueError
        If a key of `override` is neither.
    """

    def __init__(self, codes: Mapping[str, str | None], override: Mapping[str, str | None] | None = None) -> None:
        self._codes = {code.casefold(): name for code, name in codes.items()}
        self._override = checked_override(codes, override)

    def __call__(self, code: str) -> str | None:
        """Return the emotion of one label, or None for a clip to leave out."""
        key = code.casefold()
        if key in self._override:
            return self._override[key]
        name = self._codes[key]
        return self._override.get(name.casefold(), name) if name is not None else None


def own_names(labels: Iterable[str], override: Mapping[str, str | None] | None = None) -> dict[str, str | None]:
    """Return what a user's own labels are called: as they are, unless the user's mapping says otherwise.

    Parameters
    ----------
    labels : iterable of str
    override : mapping of str to str or None, optional
        As for :class:`EmotionNames`: from a label, or from the canonical name of the emotion that labels name.

    Returns
    -------
    dict of str to str or None
        None: such clips are left out.
    """
    labels = sorted(set(labels))
    meant = {label: canonical_emotion(label) for label in labels}
    wanted = checked_override(meant, override)
    names = {}
    for label in labels:
        keys = [key.casefold() for key in (label, meant[label]) if key]
        names[label] = next((wanted[key] for key in keys if key in wanted), label)
    return names


def checked_override(
    codes: Mapping[str, str | None], override: Mapping[str, str | None] | None
) -> dict[str, str | None]:
    """Return a user's mapping, keys in lower case; raise ValueError if one is neither label nor canonical name."""
    wanted = {str(key).casefold(): name for key, name in (override or {}).items()}
    known = {code.casefold() for code in codes} | {name for name in codes.values() if name} | set(EMOTIONS)
    unknown = sorted(set(wanted) - known)
    if unknown:
        raise ValueError(
            f"emotions= maps {_quoted(unknown)}, which this corpus does not use. "
            f"Its labels: {_quoted(sorted(codes))}; canonical names: {', '.join(EMOTIONS)}."
        )
    return wanted


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(repr(word) for word in words)
