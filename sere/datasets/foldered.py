"""Corpora where folders tell part of what a clip is.

CASIA: Chinese Academy of Sciences, the 1,200-clip subset of 50 sentences that is passed on
freely. ESD: Zhou et al. 2021, parallel sentences in Mandarin (speakers 1-10) and English
(11-20). eNTERFACE'05: Martin et al. 2006.
"""

from sere.datasets.emotions import by_word
from sere.datasets.registry import Corpus, Fields, Table, register_corpus

_SENTENCES_PER_EMOTION = 350


def _esd(fields: Fields, _: Table) -> Fields:
    """Complete ESD's fields: the emotions repeat 350 sentences under running numbers."""
    language = "zh" if int(fields["speaker"] or 0) <= 10 else "en"
    sentence = (int(fields["number"] or 1) - 1) % _SENTENCES_PER_EMOTION + 1
    return {**fields, "language": language, "text": f"{language}-{sentence:03d}"}


def _enterface(fields: Fields, _: Table) -> Fields:
    """Complete eNTERFACE's fields: the folder is right where subject 11's file names are not."""
    return {**fields, "speaker": fields["folder"] or fields["name"]}


for _corpus in (
    Corpus(
        name="casia",
        title="CASIA",
        language="zh",
        layout="liuchanhg/angry/201.wav",
        pattern=r"(?P<speaker>[^/]+)/(?P<emotion>angry|fear|happy|neutral|sad|surprise)/(?P<text>2\d\d)",
        emotions=by_word("angry fear happy neutral sad surprise"),
        clips=1200,
        license="free subset for research",
    ),
    Corpus(
        name="esd",
        title="ESD",
        language="zh",
        layout="0001/Angry/0001_000351.wav",
        pattern=r"(?P<emotion>angry|happy|neutral|sad|surprise)/(?:(?:train|evaluation|test)/)?"
        r"(?P<speaker>00[012]\d)_(?P<number>\d{6})",
        emotions=by_word("angry happy neutral sad surprise"),
        clips=35000,
        license="research only, after signing",
        refine=_esd,
    ),
    Corpus(
        name="enterface",
        title="eNTERFACE'05",
        language="en",
        layout="subject 1/anger/sentence 1/s1_an_1.avi",
        # Quirks of the distribution: subject 3 writes s_3_an_1, one file ends in "3avi" before
        # its ending, and subject 6 has one uncut clip per emotion, outside the sentence folders
        # and without a sentence number.
        pattern=r"(?:subject[ _]?(?P<folder>\d+)/[^/]+/(?:sentence[ _]?\d+/)?)?"
        r"s_?(?P<name>\d+)_(?P<emotion>an|di|fe|ha|sa|su)(?:_(?P<text>\d))?(?:avi)?",
        emotions={
            "an": "anger",
            "di": "disgust",
            "fe": "fear",
            "ha": "happiness",
            "sa": "sadness",
            "su": "surprise",
        },
        clips=1263,
        license="free for research",
        refine=_enterface,
    ),
):
    register_corpus(_corpus)
