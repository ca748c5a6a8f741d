"""One vocabulary for emotions, and what the corpora and their users call them.

Corpora name the same emotion by letters (EmoDB's ``W``), syllables (EMOVO's ``gio``) or words
(``happy``, ``joy``, ``Happiness``). Two corpora can share a task only in one vocabulary, so
every label is brought to the names of :data:`EMOTIONS`. A user who wants other names passes a
mapping, which always has the last word.
"""

import re
from collections.abc import Iterable, Mapping

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


def canonical_emotion(word: str) -> str | None:
    """Return the canonical name of an emotion word, or None when it is not known.

    Case, punctuation and numbers around the word do not matter.

    Examples
    --------
    >>> canonical_emotion("Happy"), canonical_emotion("01Neutral"), canonical_emotion("wistful")
    ('happiness', 'neutral', None)
    """
    return _CANONICAL.get(re.sub(r"[\W\d_]+", "", word).casefold())


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
        self._override = {str(key).casefold(): name for key, name in (override or {}).items()}
        known = set(self._codes) | {name for name in self._codes.values() if name} | set(EMOTIONS)
        unknown = sorted(set(self._override) - known)
        if unknown:
            raise ValueError(
                f"emotions= maps {_quoted(unknown)}, which this corpus does not use. "
                f"Its labels: {_quoted(sorted(codes))}; canonical names: {', '.join(EMOTIONS)}."
            )

    def __call__(self, code: str) -> str | None:
        """Return the emotion of one label, or None for a clip to leave out."""
        key = code.casefold()
        if key in self._override:
            return self._override[key]
        name = self._codes[key]
        return self._override.get(name.casefold(), name) if name is not None else None


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(repr(word) for word in words)
