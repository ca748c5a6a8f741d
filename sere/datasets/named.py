"""Corpora whose file names alone tell speaker, emotion and sentence.

Codes and quirks follow each corpus's own documentation. EmoDB: Burkhardt et al. 2005. EMOVO:
Costantini et al. 2014. RAVDESS: Livingstone and Russo 2018. CREMA-D: Cao et al. 2014. TESS:
Pichora-Fuller and Dupuis 2020. SAVEE: Haq and Jackson 2009. URDU: Latif et al. 2018. ASED: Retta
et al. 2023. CaFE: Gournay et al. 2018. ShEMO: Mohamad Nezami et al. 2019. SUBESCO: Sultana et
al. 2021. AESDD: Vryzas et al. 2018. nEMO: Christop 2024.
"""

from sere.datasets.emotions import by_word
from sere.datasets.registry import Corpus, register_corpus

for _corpus in (
    Corpus(
        name="emodb",
        title="EmoDB",
        language="de",
        layout="wav/03a01Fa.wav",
        # The letter after the emotion is the take; some copies drop it where there is only one.
        pattern=r"(?P<speaker>03|08|09|1[0-6])(?P<text>[ab]\d\d)(?P<emotion>[WLEAFTN])[a-z]?",
        emotions={
            "W": "anger",
            "L": "boredom",
            "E": "disgust",
            "A": "fear",
            "F": "happiness",
            "T": "sadness",
            "N": "neutral",
        },
        clips=535,
        license="free to use, cite the paper",
    ),
    Corpus(
        name="emovo",
        title="EMOVO",
        language="it",
        layout="f1/dis-f1-b1.wav",
        pattern=r"(?P<emotion>dis|gio|neu|pau|rab|sor|tri)-(?P<speaker>[fm][1-3])-(?P<text>[a-z]\d)",
        emotions={
            "dis": "disgust",
            "gio": "happiness",
            "neu": "neutral",
            "pau": "fear",
            "rab": "anger",
            "sor": "surprise",
            "tri": "sadness",
        },
        clips=588,
        license="free for research",
    ),
    Corpus(
        name="ravdess",
        title="RAVDESS",
        language="en",
        layout="Actor_01/03-01-06-01-02-01-01.wav",
        # modality - channel - emotion - intensity - statement - repetition - actor; the first
        # number tells only which of sound and picture is there, so it is no part of which
        # recording it is.
        pattern=r"\d\d-(?P<clip>\d\d-(?P<emotion>0[1-8])-\d\d-(?P<text>\d\d)-\d\d-(?P<speaker>\d\d))",
        emotions={
            "01": "neutral",
            "02": "calm",
            "03": "happiness",
            "04": "sadness",
            "05": "anger",
            "06": "fear",
            "07": "disgust",
            "08": "surprise",
        },
        clips=1440,
        license="CC BY-NC-SA 4.0",
        left_out={
            r"02-.*": "pictures without sound",
            r"\d\d-02-.*": "sung, not spoken",
        },
    ),
    Corpus(
        name="crema_d",
        title="CREMA-D",
        language="en",
        layout="AudioWAV/1001_DFA_ANG_XX.wav",
        # The level is cut to one letter in 1040_ITH_SAD_X.
        pattern=r"(?P<speaker>1[01]\d\d)_(?P<text>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?:LO|MD|HI|XX?)",
        emotions=by_word("ANG DIS FEA HAP NEU SAD"),
        clips=7442,
        license="Open Database License",
        left_out={r"1076_MTI_SAD_XX": "the recording is silent"},
    ),
    Corpus(
        name="tess",
        title="TESS",
        language="en",
        layout="OAF_angry/OAF_back_angry.wav",
        # One file is called OA_bite_neutral.
        pattern=r"(?P<speaker>OA|YA)F?_(?P<text>[a-z]+)_(?P<emotion>[a-z]+)",
        emotions=by_word("angry disgust fear happy neutral ps sad"),
        clips=2800,
        license="CC BY-NC-ND 4.0",
    ),
    Corpus(
        name="savee",
        title="SAVEE",
        language="en",
        layout="AudioData/DC/a01.wav or DC_a01.wav",
        # Sentence 1 of anger is not sentence 1 of fear, so the emotion is part of the text.
        pattern=r"(?P<speaker>DC|JE|JK|KL)[/_](?P<text>(?P<emotion>sa|su|[adfhn])\d\d)",
        emotions={
            "a": "anger",
            "d": "disgust",
            "f": "fear",
            "h": "happiness",
            "n": "neutral",
            "sa": "sadness",
            "su": "surprise",
        },
        clips=480,
        license="free for research, on request",
    ),
    Corpus(
        name="urdu",
        title="URDU",
        language="ur",
        layout="Angry/SM1_F10_A010.wav",
        pattern=r"(?P<speaker>S[MF]\d+)_F\d+_(?P<emotion>[AHNS])\d+",
        emotions={"A": "anger", "H": "happiness", "N": "neutral", "S": "sadness"},
        clips=400,
        license="free for research, cite the paper",
    ),
    Corpus(
        name="ased",
        title="ASED",
        language="am",
        layout="05Angry/a5-01-02-01-21.wav",
        # emotion - sentence - repetition - gender - speaker. Whether the emotions share their
        # sentences is not known, so one number counts as one sentence, which no split tears apart.
        pattern=r"(?P<emotion>[nfhsa])(?=[1-5]-)\d-(?P<text>\d\d)-\d\d-0[12]-(?P<speaker>\d\d)",
        emotions={
            "n": "neutral",
            "f": "fear",
            "h": "happiness",
            "s": "sadness",
            "a": "anger",
        },
        clips=2474,
        license="free for research, cite the paper",
    ),
    Corpus(
        name="cafe",
        title="CaFE",
        language="fr",
        layout="Colère/Fort/01-C-2-3.wav",
        pattern=r"(?P<speaker>\d\d)-(?P<emotion>[CDJNPST])-[0-3]-(?P<text>\d)",
        emotions={
            "C": "anger",
            "D": "disgust",
            "J": "happiness",
            "N": "neutral",
            "P": "fear",
            "S": "surprise",
            "T": "sadness",
        },
        clips=936,
        license="CC BY-NC-SA 4.0",
    ),
    Corpus(
        name="shemo",
        title="ShEMO",
        language="fa",
        layout="female/F21A05.wav",
        pattern=r"(?P<speaker>[FM]\d\d)(?P<emotion>[AFHNSW])\d\d",
        emotions={
            "A": "anger",
            "F": "fear",
            "H": "happiness",
            "N": "neutral",
            "S": "sadness",
            "W": "surprise",
        },
        clips=3000,
        license="free for academic use",
    ),
    Corpus(
        name="subesco",
        title="SUBESCO",
        language="bn",
        layout="F_10_OISHI_S_6_FEAR_5.wav",
        pattern=r"(?P<speaker>[FM]_\d\d)_[A-Z]+_S_(?P<text>\d+)_(?P<emotion>[A-Z]+)_\d",
        emotions=by_word("ANGRY DISGUST FEAR HAPPY NEUTRAL SAD SURPRISE"),
        clips=7000,
        license="CC BY 4.0",
    ),
    Corpus(
        name="aesdd",
        title="AESDD",
        language="el",
        layout="anger/a03 (3).wav",
        pattern=r"(?P<emotion>[adfhs])(?P<text>\d\d) ?\((?P<speaker>\d+)\)[a-z]?",
        emotions={
            "a": "anger",
            "d": "disgust",
            "f": "fear",
            "h": "happiness",
            "s": "sadness",
        },
        clips=605,
        license="free for research, cite the paper",
    ),
    Corpus(
        name="nemo",
        title="nEMO",
        language="pl",
        layout="samples/WR0_surprised_64.wav",
        pattern=r"(?P<speaker>[A-Z]{2}\d)_(?P<emotion>[a-z]+)_(?P<text>\d+)",
        emotions=by_word("anger fear happiness neutral sadness surprised"),
        clips=4481,
        license="CC BY-NC-SA 4.0",
    ),
):
    register_corpus(_corpus)
