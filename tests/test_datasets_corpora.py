"""Every corpus is read from its own layout, and the real ones if SERE_CORPORA names a folder."""

import itertools
import os
import warnings
from pathlib import Path

import pytest

from sere.datasets import CORPORA, EMOTIONS, find_corpora, load_corpus


def touch(root, names):
    """Make empty files; loading looks at names only."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def emodb():
    counts = dict(W=127, L=81, E=46, A=69, F=71, T=62, N=79)
    speakers = ["03", "08", "09", "10", "11", "12", "13", "14", "15", "16"]
    texts = ["a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10"]
    for code, count in counts.items():
        combinations = itertools.product("abcd", texts, speakers)
        for take, text, speaker in itertools.islice(combinations, count):
            yield f"wav/{speaker}{text}{code}{take}.wav"


def emovo():
    texts = ["b1", "b2", "b3", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5", "d1", "d2"]
    for speaker, code, text in itertools.product(
        ["f1", "f2", "f3", "m1", "m2", "m3"],
        ["dis", "gio", "neu", "pau", "rab", "sor", "tri"],
        texts,
    ):
        yield f"{speaker}/{code}-{speaker}-{text}.wav"


def casia():
    for speaker, emotion, number in itertools.product(
        ["ZhaoZuoxiang", "liuchanhg", "wangzhe", "zhaoquanyin"],
        ["angry", "fear", "happy", "neutral", "sad", "surprise"],
        range(201, 251),
    ):
        yield f"{speaker}/{emotion}/{number}.wav"


def ravdess():
    for actor, emotion, level, statement, repetition in itertools.product(
        range(1, 25), range(1, 9), (1, 2), (1, 2), (1, 2)
    ):
        if not (emotion == 1 and level == 2):
            numbers = (3, 1, emotion, level, statement, repetition, actor)
            yield f"Actor_{actor:02d}/{'-'.join(f'{number:02d}' for number in numbers)}.wav"


def enterface():
    """The layout with its quirks: 42 complete subjects less three clips, and subject 6 uncut."""
    words = dict(an="anger", di="disgust", fe="fear", ha="happiness", sa="sadness", su="surprise")
    for subject, (code, word), sentence in itertools.product(range(1, 44), words.items(), range(1, 6)):
        folder = f"subject {subject}/{word}"
        name = f"s{12 if subject == 11 else subject}_{code}_{sentence}"
        if subject == 6:
            if sentence == 1:
                yield f"{folder}/s6_{code}.avi"
        elif subject == 3:
            yield f"{folder}/sentence {sentence}/s_3_{code}_{sentence}.avi"
        elif name == "s16_su_3":
            yield f"{folder}/sentence 3/s16_su_3avi.avi"
        elif not (subject == 23 and code == "ha" and sentence > 2):
            yield f"{folder}/sentence {sentence}/{name}.avi"


def crema_d():
    for speaker, text, emotion in itertools.product(
        (1001, 1076, 1091), ("DFA", "MTI"), ["ANG", "DIS", "FEA", "HAP", "NEU", "SAD"]
    ):
        if (speaker, text, emotion) != (1076, "MTI", "SAD"):
            yield f"AudioWAV/{speaker}_{text}_{emotion}_XX.wav"
    yield "AudioWAV/1040_ITH_SAD_X.wav"
    yield "AudioWAV/1001_IEO_FEA_HI.wav"


def tess():
    for speaker, emotion, word in itertools.product(
        ("OAF", "YAF"),
        ["angry", "disgust", "fear", "happy", "neutral", "ps", "sad"],
        ("back", "bite"),
    ):
        if (speaker, emotion, word) == ("OAF", "neutral", "bite"):
            speaker = "OA"
        yield f"{speaker}_{emotion}/{speaker}_{word}_{emotion}.wav"


def savee():
    for speaker, code, number in itertools.product(
        ["DC", "JE", "JK", "KL"], ["a", "d", "f", "h", "n", "sa", "su"], range(1, 16)
    ):
        yield f"AudioData/{speaker}/{code}{number:02d}.wav"
        if code == "n":
            yield f"AudioData/{speaker}/n{number + 15:02d}.wav"


def urdu():
    folders = dict(A="Angry", H="Happy", N="Neutral", S="Sad")
    for (code, folder), number in itertools.product(folders.items(), range(1, 101)):
        speaker = f"S{'MF'[number % 2]}{number % 19 + 1}"
        yield f"{folder}/{speaker}_F{number}_{code}0{number}.wav"


def ased():
    folders = dict(n1="01Neutral", f2="02Fearful", h3="03Happy", s4="04Sad", a5="05Angry")
    for (code, folder), text, speaker in itertools.product(folders.items(), (1, 7), range(1, 66)):
        code = "S4" if (code, text, speaker) == ("s4", 1, 29) else code
        yield f"{folder}/{code}-{text:02d}-02-0{1 + speaker % 2}-{speaker:02d}.wav"


def cafe():
    folders = dict(C="Colère", D="Dégoût", J="Joie", P="Peur", S="Surprise", T="Tristesse")
    for speaker, text in itertools.product(range(1, 13), range(1, 7)):
        yield f"Neutre/{speaker:02d}-N-0-{text}.wav"
        for (code, folder), level in itertools.product(folders.items(), (1, 2)):
            strength = ("Faible", "Fort")[level - 1]
            yield f"{folder}/{strength}/{speaker:02d}-{code}-{level}-{text}.wav"


def esd():
    numbers = dict(Neutral=0, Angry=350, Happy=700, Sad=1050, Surprise=1400)
    for speaker, (folder, first), number in itertools.product((1, 10, 11, 20), numbers.items(), (1, 350)):
        yield f"{speaker:04d}/{folder}/{speaker:04d}_{first + number:06d}.wav"


def shemo():
    for speaker, code in itertools.product(("F21", "M02"), "AFHNSW"):
        yield f"{'female' if speaker[0] == 'F' else 'male'}/{speaker}{code}05.wav"


def subesco():
    for speaker, code in itertools.product(
        ("F_10_OISHI", "M_01_ANIK"),
        ["ANGRY", "DISGUST", "FEAR", "HAPPY", "NEUTRAL", "SAD", "SURPRISE"],
    ):
        yield f"{speaker}_S_6_{code}_5.wav"


def aesdd():
    folders = dict(a="anger", d="disgust", f="fear", h="happiness", s="sadness")
    for (code, folder), text, speaker in itertools.product(folders.items(), (3, 20), (1, 2, 5)):
        yield f"{folder}/{code}{text:02d} ({speaker}).wav"


def nemo():
    for speaker, code in itertools.product(
        ("WR0", "EB0"), ["anger", "fear", "happiness", "neutral", "sadness", "surprised"]
    ):
        yield f"samples/{speaker}_{code}_64.wav"


def each(names, count):
    return dict.fromkeys(names.split(), count)


SEVEN = "anger disgust fear happiness neutral sadness surprise"
# files, clips of each emotion, speakers, sentences
LAYOUTS = {
    "emodb": (
        emodb,
        dict(anger=127, boredom=81, disgust=46, fear=69, happiness=71, sadness=62, neutral=79),
        10,
        10,
    ),
    "emovo": (emovo, each(SEVEN, 84), 6, 14),
    "casia": (casia, each("anger fear happiness neutral sadness surprise", 200), 4, 50),
    "ravdess": (
        ravdess,
        {**each("anger calm disgust fear happiness sadness surprise", 192), "neutral": 96},
        24,
        2,
    ),
    "enterface": (
        enterface,
        {**each("anger disgust fear sadness surprise", 211), "happiness": 208},
        43,
        5,
    ),
    "crema_d": (
        crema_d,
        {**each("anger disgust happiness neutral", 6), "fear": 7, "sadness": 6},
        4,
        4,
    ),
    "tess": (tess, each(SEVEN, 4), 2, 2),
    "savee": (savee, {**each(SEVEN, 60), "neutral": 120}, 4, 120),
    "urdu": (urdu, each("anger happiness neutral sadness", 100), 38, 0),
    "ased": (ased, each("anger fear happiness neutral sadness", 130), 65, 2),
    "cafe": (cafe, {**each(SEVEN, 144), "neutral": 72}, 12, 6),
    "esd": (esd, each("anger happiness neutral sadness surprise", 8), 4, 4),
    "shemo": (shemo, each("anger fear happiness neutral sadness surprise", 2), 2, 0),
    "subesco": (subesco, each(SEVEN, 2), 2, 1),
    "aesdd": (aesdd, each("anger disgust fear happiness sadness", 6), 3, 2),
    "nemo": (nemo, each("anger fear happiness neutral sadness surprise", 2), 2, 1),
}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    root = tmp_path_factory.mktemp("corpora")
    for name, (files, *_) in LAYOUTS.items():
        touch(root / f"my {name}", files())
    return root


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_corpus_is_recognised_and_read_from_its_layout(corpora, name):
    _, emotions, speakers, texts = LAYOUTS[name]
    clips = load_corpus(corpora / f"my {name}")
    assert clips["emotion"].value_counts().to_dict() == emotions
    assert set(clips["corpus"]) == {name}
    assert clips["speaker"].nunique() == speakers
    assert clips["speaker"].str.startswith(f"{name}-").all()
    assert clips["text"].nunique() == texts
    if name != "esd":
        assert set(clips["language"]) == {CORPORA[name].language}
    assert all(Path(path).is_file() for path in clips["path"])
    assert clips["path"].is_monotonic_increasing


@pytest.mark.parametrize("name", LAYOUTS)
def test_naming_the_corpus_gives_what_recognising_it_gives(corpora, name):
    root = corpora / f"my {name}"
    assert load_corpus(root, CORPORA[name].title).equals(load_corpus(root))


@pytest.mark.parametrize("name", LAYOUTS)
def test_depth_ending_and_case_of_the_names_do_not_matter(tmp_path, name):
    files = [Path(file).with_suffix("") for file in list(LAYOUTS[name][0]())[::5]]
    touch(tmp_path / "plain", (f"{file}.wav" for file in files))
    touch(tmp_path / "other", (f"a/b/{str(file).upper()}.MP3" for file in files))
    plain, other = load_corpus(tmp_path / "plain"), load_corpus(tmp_path / "other")
    assert len(plain) == len(files)
    for column in ("emotion", "speaker", "text"):
        counts = [sorted(clips[column].dropna().str.lower().value_counts()) for clips in (plain, other)]
        assert counts[0] == counts[1]


def test_every_registered_corpus_has_a_layout_here():
    assert set(CORPORA) == {*LAYOUTS, "iemocap", "meld"}


def test_corpora_map_their_codes_to_canonical_names_only():
    names = {name for corpus in CORPORA.values() for name in corpus.emotions.values()}
    assert names - {None} <= set(EMOTIONS)


def test_find_corpora_names_the_folders_side_by_side(corpora):
    found = find_corpora(corpora)
    assert found == {name: str(corpora / f"my {name}") for name in sorted(LAYOUTS)}


def test_find_corpora_of_one_corpus_gives_the_folder_itself(corpora):
    assert find_corpora(corpora / "my emodb") == {"emodb": str(corpora / "my emodb")}


def test_find_corpora_keeps_second_copies_apart(tmp_path):
    for folder in ("a", "b"):
        touch(tmp_path / folder, emovo())
    touch(tmp_path / "c", itertools.islice(emodb(), 9))
    assert find_corpora(tmp_path) == {
        "emodb": str(tmp_path / "c"),
        "emovo": str(tmp_path / "a"),
        "emovo (b)": str(tmp_path / "b"),
    }


def test_a_folder_of_several_corpora_is_not_taken_for_one(corpora):
    with pytest.raises(ValueError, match=r"several corpora: .*emodb \(535 files\).*find_corpora"):
        load_corpus(corpora)


def test_enterface_trusts_the_folder_of_subject_11(tmp_path):
    touch(tmp_path, enterface())
    clips = load_corpus(tmp_path)
    assert len(clips) == 1263
    assert (clips["speaker"] == "enterface-11").sum() == 30
    assert (clips["speaker"] == "enterface-12").sum() == 30
    assert (clips["speaker"] == "enterface-3").sum() == 30
    assert (clips["speaker"] == "enterface-23").sum() == 27
    uncut = clips[clips["speaker"] == "enterface-6"]
    assert len(uncut) == 6
    assert uncut["text"].isna().all()
    mended = clips[clips["path"].str.contains("s16_su_3avi")]
    assert mended["text"].tolist() == ["3"]


def test_enterface_converted_to_one_flat_folder_is_read(tmp_path):
    touch(tmp_path, ["s1_an_1.wav", "s1_su_2.wav", "s_3_ha_5.wav", "s16_su_3avi", "s44_fe_5.wav"])
    clips = load_corpus(tmp_path)
    assert clips["speaker"].tolist() == [f"enterface-{n}" for n in (16, 1, 1, 44, 3)]
    assert clips["emotion"].tolist() == ["surprise", "anger", "surprise", "fear", "happiness"]


def test_the_silent_clip_of_crema_d_is_left_out_with_a_warning(tmp_path):
    touch(tmp_path, [*crema_d(), "AudioWAV/1076_MTI_SAD_XX.wav"])
    with pytest.warns(UserWarning, match="CREMA-D: left out .*silent.*1076_MTI_SAD_XX"):
        clips = load_corpus(tmp_path)
    assert not clips["path"].str.contains("1076_MTI_SAD").any()
    assert len(clips) == len(list(crema_d()))


def test_clips_that_are_there_in_two_formats_are_read_once(tmp_path):
    touch(tmp_path, crema_d())
    touch(tmp_path, (f"AudioMP3/{Path(file).stem}.mp3" for file in crema_d()))
    with pytest.warns(UserWarning, match="second copies of the same clip.*AudioMP3"):
        clips = load_corpus(tmp_path)
    assert len(clips) == len(list(crema_d()))
    assert clips["path"].str.endswith(".wav").all()


def test_songs_and_silent_pictures_of_ravdess_are_left_out(tmp_path):
    touch(tmp_path, ravdess())
    touch(tmp_path, ["Song/03-02-05-01-01-01-01.wav", "Video/02-01-05-01-01-01-01.mp4"])
    with pytest.warns(UserWarning, match="RAVDESS: left out") as told:
        clips = load_corpus(tmp_path)
    assert len(clips) == 1440
    assert {str(one.message).split("(")[1].split(")")[0] for one in told} == {
        "sung, not spoken",
        "pictures without sound",
    }


def test_files_that_do_not_follow_the_names_are_left_out_with_a_warning(tmp_path):
    touch(tmp_path, [*emodb(), "wav/noise.wav", "wav/test.wav"])
    with pytest.warns(UserWarning, match=r"not named like files of EmoDB.*noise\.wav and 1 more"):
        clips = load_corpus(tmp_path)
    assert len(clips) == 535


def test_hidden_files_are_not_seen(tmp_path):
    touch(tmp_path, [*emovo(), "f1/._dis-f1-b1.wav", "__MACOSX/f1/dis-f1-b1.wav", ".old/x.wav"])
    assert len(load_corpus(tmp_path)) == 588


def test_ravdess_keeps_calm_unless_told_otherwise(tmp_path):
    touch(tmp_path, ravdess())
    assert "calm" in set(load_corpus(tmp_path)["emotion"])
    merged = load_corpus(tmp_path, emotions={"calm": "neutral"})
    assert (merged["emotion"] == "neutral").sum() == 288
    assert "calm" not in set(load_corpus(tmp_path, emotions={"02": None})["emotion"])


def test_esd_tells_language_and_parallel_sentences_by_number(tmp_path):
    touch(tmp_path, esd())
    clips = load_corpus(tmp_path).set_index("speaker")
    assert set(clips.loc["esd-0010", "language"]) == {"zh"}
    assert set(clips.loc["esd-0011", "language"]) == {"en"}
    assert set(clips["text"]) == {"zh-001", "zh-350", "en-001", "en-350"}


def test_esd_with_its_divisions_is_read(tmp_path):
    touch(
        tmp_path,
        (f"{Path(f).parent}/{part}/{Path(f).name}" for f, part in zip(esd(), itertools.cycle(["train", "test"]))),
    )
    assert len(load_corpus(tmp_path)) == len(list(esd()))


def test_savee_in_one_flat_folder_is_read(tmp_path):
    touch(tmp_path, (f.replace("AudioData/", "").replace("/", "_") for f in savee()))
    assert load_corpus(tmp_path)["emotion"].value_counts().to_dict() == LAYOUTS["savee"][1]


def iemocap(root):
    lines = {
        "F000": "neu",
        "F001": "exc",
        "M000": "hap",
        "M001": "fru",
        "M002": "xxx",
        "M003": "oth",
    }
    for session in (1, 5):
        dialog = f"Ses0{session}F_impro01"
        touch(
            root,
            (f"Session{session}/sentences/wav/{dialog}/{dialog}_{turn}.wav" for turn in lines),
        )
        table = root / f"Session{session}/dialog/EmoEvaluation/{dialog}.txt"
        table.parent.mkdir(parents=True)
        table.write_text(
            "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
            + "".join(
                f"[6.2901 - 8.2357]\t{dialog}_{turn}\t{code}\t[2.5000, 2.5000, 2.5000]\nC-E2:\tNeutral;\t()\n\n"
                for turn, code in lines.items()
            )
        )
    return root


def test_iemocap_reads_the_consensus_labels_of_each_turn(tmp_path):
    clips = load_corpus(iemocap(tmp_path))
    assert clips["emotion"].value_counts().to_dict() == {
        "happiness": 4,
        "neutral": 2,
        "frustration": 2,
    }
    assert set(clips["speaker"]) == {
        "iemocap-SES01F",
        "iemocap-SES01M",
        "iemocap-SES05F",
        "iemocap-SES05M",
    }
    apart = load_corpus(tmp_path, emotions={"exc": "excitement"})
    assert (apart["emotion"] == "excitement").sum() == 2


def test_iemocap_without_its_labels_says_where_they_are_looked_for(tmp_path):
    touch(tmp_path, ["Ses01F_impro01/Ses01F_impro01_F000.wav"])
    with pytest.raises(ValueError, match="EmoEvaluation"):
        load_corpus(tmp_path)


def test_meld_reads_its_three_tables(tmp_path):
    folders = dict(train="train_splits", dev="dev_splits_complete", test="output_repeated_splits_test")
    for split, folder in folders.items():
        touch(tmp_path, [f"{folder}/dia0_utt0.mp4", f"{folder}/dia125_utt3.mp4"])
        (tmp_path / f"{split}_sent_emo.csv").write_text(
            "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID\n"
            '1,"Oh, my",Monica,joy,positive,0,0\n2,No,Joey,anger,negative,125,3\n'
        )
    with pytest.warns(UserWarning, match="broken.*train_splits.dia125_utt3.mp4"):
        clips = load_corpus(tmp_path)
    assert clips["emotion"].value_counts().to_dict() == {"happiness": 3, "anger": 2}
    assert set(clips["speaker"]) == {"meld-Monica", "meld-Joey"}


REAL = {
    "emodb": (LAYOUTS["emodb"][1], 10),
    "emovo": (LAYOUTS["emovo"][1], 6),
    "casia": (LAYOUTS["casia"][1], 4),
    "ravdess": (
        {**each("anger calm disgust fear happiness sadness surprise", 96), "neutral": 48},
        12,
    ),
    "ased": (each("anger fear happiness neutral sadness", 200), 63),
}
HERE = Path(os.environ.get("SERE_CORPORA", ""))


PRESENT = [name for name in REAL if HERE.name and (HERE / name).is_dir()]

if PRESENT:

    @pytest.mark.parametrize("name", PRESENT)
    def test_the_real_corpora_have_the_published_counts(name):
        emotions, speakers = REAL[name]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            clips = load_corpus(HERE / name)
        assert clips["emotion"].value_counts().to_dict() == emotions
        assert clips["speaker"].nunique() == speakers
        assert find_corpora(HERE)[name] == str(HERE / name)
