"""Which pretrained encoder a language gets.

Chosen by the paper: German Whisper large-v3, English WavLM large, Chinese HuBERT base, Italian
wav2vec2 large (VoxPopuli), the labeled path wav2vec2-base. For further languages, encoders
pretrained on that language alone where a public one stands out; for all others w2v-BERT 2.0,
pretrained on 4.5 million hours of 143 languages and free of restrictions on use.

An encoder pretrained on emotional speech may have heard the very clips it is scored on
(`Checkpoint.saw_emotional_speech`): fine in use, a leak in a benchmark.
"""

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint and what to know before using it.

    Attributes
    ----------
    name : str
        Name on the Hugging Face hub, or a local folder.
    width, n_layers : int or None
        Width of its hidden states and number of its transformer layers; None if not listed here.
    licence : str or None
        As its model card states it; None if it states none or the checkpoint is not listed here.
    note : str
        What else to know.
    saw_emotional_speech : bool
        Whether corpora of emotional speech were part of its training.
    readable : bool
        Whether :class:`sere.encoders.pretrained.PretrainedEncoder` can read it.
    """

    name: str
    width: int | None = None
    n_layers: int | None = None
    licence: str | None = None
    note: str = ""
    saw_emotional_speech: bool = False
    readable: bool = True


_NC = "not for commercial use"

#: All checkpoints listed here, by name.
CHECKPOINTS: dict[str, Checkpoint] = {
    checkpoint.name: checkpoint
    for checkpoint in (
        Checkpoint(
            "openai/whisper-large-v3",
            1280,
            32,
            "apache-2.0",
            "the paper's German path; reads 30 s whatever the clip's length, so slow on a CPU",
        ),
        Checkpoint(
            "openai/whisper-large-v3-turbo",
            1280,
            32,
            "mit",
            "its encoder is as large as large-v3's; only the decoder was cut",
        ),
        Checkpoint("microsoft/wavlm-large", 1024, 24, None, "the paper's English path"),
        Checkpoint("microsoft/wavlm-base-plus", 768, 12, None, "a smaller choice for English"),
        Checkpoint("TencentGameMate/chinese-hubert-base", 768, 12, "mit", "the paper's Chinese path"),
        Checkpoint(
            "facebook/wav2vec2-large-it-voxpopuli",
            1024,
            24,
            "cc-by-nc-4.0",
            f"the paper's Italian path; {_NC}",
        ),
        Checkpoint(
            "jonatasgrosman/wav2vec2-large-xlsr-53-italian",
            1024,
            24,
            "apache-2.0",
            "Italian without the restriction on use; tuned for speech recognition",
        ),
        Checkpoint("facebook/wav2vec2-base", 768, 12, "apache-2.0", "the paper's labeled path; English"),
        Checkpoint("facebook/wav2vec2-large-es-voxpopuli", 1024, 24, "cc-by-nc-4.0", _NC),
        Checkpoint(
            "LeBenchmark/wav2vec2-FR-7K-large",
            1024,
            24,
            "apache-2.0",
            "its training data hold the acted corpora Att-Hack, CaFE and GEMEP",
            saw_emotional_speech=True,
        ),
        Checkpoint("rinna/japanese-hubert-base", 768, 12, "apache-2.0"),
        Checkpoint("team-lucid/hubert-base-korean", 768, 12, "apache-2.0"),
        Checkpoint("KBLab/wav2vec2-large-voxrex", 1024, 24, "cc0-1.0"),
        Checkpoint("nguyenvulebinh/wav2vec2-base-vi", 768, 12, "cc-by-nc-4.0", _NC),
        Checkpoint("facebook/w2v-bert-2.0", 1024, 24, "mit", "143 languages; the choice for all others"),
        Checkpoint(
            "utter-project/mHuBERT-147",
            768,
            12,
            "cc-by-nc-sa-4.0",
            f"147 languages, small; {_NC}",
        ),
        Checkpoint("facebook/wav2vec2-xls-r-300m", 1024, 24, "apache-2.0", "128 languages"),
        Checkpoint("facebook/wav2vec2-large-xlsr-53", 1024, 24, "apache-2.0", "53 languages"),
        Checkpoint(
            "superb/wav2vec2-base-superb-er",
            768,
            12,
            "apache-2.0",
            "trained on IEMOCAP",
            saw_emotional_speech=True,
        ),
        *(
            Checkpoint(
                f"emotion2vec/emotion2vec_{variant}",
                licence="model-license",
                note="trained on public emotion corpora; not in transformers' format",
                saw_emotional_speech=True,
                readable=False,
            )
            for variant in ("base", "plus_seed", "plus_base", "plus_large")
        ),
    )
}

#: The paper's encoder of the labeled path, whatever its language.
LABELED = CHECKPOINTS["facebook/wav2vec2-base"]

#: What a language without an entry of its own gets.
MULTILINGUAL = CHECKPOINTS["facebook/w2v-bert-2.0"]

#: Languages with an encoder of their own, by ISO 639-1 code.
BY_LANGUAGE: dict[str, Checkpoint] = {
    "de": CHECKPOINTS["openai/whisper-large-v3"],
    "en": CHECKPOINTS["microsoft/wavlm-large"],
    "zh": CHECKPOINTS["TencentGameMate/chinese-hubert-base"],
    "it": CHECKPOINTS["facebook/wav2vec2-large-it-voxpopuli"],
    "es": CHECKPOINTS["facebook/wav2vec2-large-es-voxpopuli"],
    "fr": CHECKPOINTS["LeBenchmark/wav2vec2-FR-7K-large"],
    "ja": CHECKPOINTS["rinna/japanese-hubert-base"],
    "ko": CHECKPOINTS["team-lucid/hubert-base-korean"],
    "sv": CHECKPOINTS["KBLab/wav2vec2-large-voxrex"],
    "vi": CHECKPOINTS["nguyenvulebinh/wav2vec2-base-vi"],
}

# ISO 639-1 code, ISO 639-2/3 codes, English name(s).
_LANGUAGES = """
af afr Afrikaans
am amh Amharic
ar ara Arabic
az aze Azerbaijani
be bel Belarusian
bg bul Bulgarian
bn ben Bengali Bangla
bs bos Bosnian
ca cat Catalan
cs ces cze Czech
cy cym wel Welsh
da dan Danish
de deu ger German
el ell gre Greek
en eng English
es spa Spanish Castilian
et est Estonian
eu eus baq Basque
fa fas per pes Persian Farsi
fi fin Finnish
fr fra fre French
ga gle Irish
gl glg Galician
gu guj Gujarati
ha hau Hausa
he heb Hebrew
hi hin Hindi
hr hrv Croatian
hu hun Hungarian
hy hye arm Armenian
id ind Indonesian
ig ibo Igbo
is isl ice Icelandic
it ita Italian
ja jpn Japanese
jv jav Javanese
ka kat geo Georgian
kk kaz Kazakh
km khm Khmer
kn kan Kannada
ko kor Korean
ku kur Kurdish
ky kir Kyrgyz
lo lao Lao
lt lit Lithuanian
lv lav Latvian
mk mkd mac Macedonian
ml mal Malayalam
mn mon Mongolian
mr mar Marathi
ms msa may Malay
mt mlt Maltese
my mya bur Burmese
ne nep Nepali
nl nld dut Dutch
no nor nob nno Norwegian
or ori Odia Oriya
pa pan Punjabi
pl pol Polish
ps pus Pashto
pt por Portuguese
ro ron rum Romanian
ru rus Russian
sd snd Sindhi
si sin Sinhala
sk slk slo Slovak
sl slv Slovenian Slovene
so som Somali
sq sqi alb Albanian
sr srp Serbian
sv swe Swedish
sw swa Swahili
ta tam Tamil
te tel Telugu
th tha Thai
tl tgl fil Tagalog Filipino
tr tur Turkish
uk ukr Ukrainian
ur urd Urdu
uz uzb Uzbek
vi vie Vietnamese
xh xho Xhosa
yo yor Yoruba
zh zho chi cmn Chinese Mandarin
zu zul Zulu
"""

_CODES = {name.lower(): line.split()[0] for line in _LANGUAGES.strip().splitlines() for name in line.split()}
# Bokmål and Nynorsk have codes of their own, Hebrew, Indonesian and Tagalog old or wider ones.
_CODES |= {"nb": "no", "nn": "no", "iw": "he", "in": "id", "fil": "tl"}


def known_names() -> Collection[str]:
    """Return every code and name, in lower case, that :func:`normalise_language` knows."""
    return _CODES.keys()


def same_language(language: str) -> str:
    """Return what two names of one language have in common: the ISO code, or an unknown name as it is."""
    try:
        return normalise_language(language)
    except ValueError:
        return language.strip().lower()


def normalise_language(language: str) -> str:
    """ISO 639-1 code of a language given by name, code or locale.

    Parameters
    ----------
    language : str
        "German", "deu", "ger", "de", "DE", "de-DE", "de_AT", ...

    Raises
    ------
    ValueError
        Not a language known here.

    Examples
    --------
    >>> normalise_language("German"), normalise_language("deu"), normalise_language("zh-CN")
    ('de', 'de', 'zh')
    """
    plain = language.strip().lower()
    code = _CODES.get(plain) or _CODES.get(plain.replace("_", "-").split("-")[0])
    if code is None:
        near = difflib.get_close_matches(plain, _CODES, n=3)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(
            f"Unknown language {language!r}.{hint} Give an ISO 639 code such as 'de', or an "
            "English name; for any other language name its encoder yourself, as in "
            "encoders={'xx': 'facebook/w2v-bert-2.0'}."
        )
    return code


def for_language(language: str) -> Checkpoint:
    """The language's own encoder, or the multilingual one.

    Raises
    ------
    ValueError
        Not a language known here.

    Examples
    --------
    >>> for_language("Italian").name
    'facebook/wav2vec2-large-it-voxpopuli'
    >>> for_language("ur").name
    'facebook/w2v-bert-2.0'
    """
    return BY_LANGUAGE.get(normalise_language(language), MULTILINGUAL)


def resolve(name_or_language: str) -> Checkpoint:
    """Checkpoint meant by a name on the hub, a local folder or a language.

    Parameters
    ----------
    name_or_language : str
        "microsoft/wavlm-large", "./models/wavlm", "de", "German", or "labeled" (the paper's
        encoder of the labeled path).

    Raises
    ------
    ValueError
        Neither; or a checkpoint that is known and cannot be read.

    Examples
    --------
    >>> resolve("de").name, resolve("labeled").width
    ('openai/whisper-large-v3', 768)
    """
    text = str(name_or_language)
    if text.lower() == "labeled":
        return LABELED
    if "/" not in text and "\\" not in text and not Path(text).is_dir():
        return for_language(text)
    checkpoint = CHECKPOINTS.get(text)
    if checkpoint is None:
        return Checkpoint(text, note="not listed here")
    if not checkpoint.readable:
        raise ValueError(
            f"{text} cannot be read: {checkpoint.note}. Scores on corpora that it was trained on "
            f"would say little, besides. Take {MULTILINGUAL.name!r} instead."
        )
    return checkpoint
