"""Folders of emotions, CSV lists, users' own names, and what goes wrong."""

import os

import numpy as np
import pandas as pd
import pytest

from sere.datasets import CORPORA, Corpus, find_corpora, load_corpus, register_corpus
from sere.datasets.emotions import EMOTIONS, EmotionNames, canonical_emotion


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_emotion_words_are_canonical_whatever_their_case_and_numbers():
    words = ["Happy", "JOY", "01Neutral", "fearful", "pleasant_surprise", "OAF", "Sad "]
    expected = ["happiness", "happiness", "neutral", "fear", "surprise", None, "sadness"]
    assert [canonical_emotion(word) for word in words] == expected
    assert all(canonical_emotion(name) == name for name in EMOTIONS)


def test_emotion_words_of_other_languages_are_known():
    words = ["Überraschung", "RABBIA", "miedo", "高兴", "슬픔", "страх", "tédio"]
    expected = ["surprise", "anger", "fear", "happiness", "sadness", "fear", "boredom"]
    assert [canonical_emotion(word) for word in words] == expected


def test_no_word_means_two_emotions():
    from sere.datasets import emotions

    words = [
        word.casefold()
        for table in (emotions._WORDS, emotions._TRANSLATED)
        for w in table.values()
        for word in w.split()
    ]
    assert len(words) == len(set(words))


def test_an_override_wins_by_label_before_by_canonical_name():
    names = EmotionNames({"W": "anger", "E": "disgust", "x": None}, {"w": "rage", "anger": "no", "disgust": None})
    assert [names("W"), names("e"), names("X")] == ["rage", None, None]


def test_an_override_of_something_unknown_names_what_there_is():
    with pytest.raises(ValueError, match=r"'joy', which this corpus does not use.*'W'.*happiness"):
        EmotionNames({"W": "anger"}, {"joy": "happiness"})


def test_folders_named_after_emotions_are_recognised(tmp_path):
    touch(tmp_path / "mine", "Angry/a.wav", "Angry/day 2/b.flac", "train/happy/c.ogg")
    clips = load_corpus(tmp_path / "mine")
    assert clips["emotion"].tolist() == ["Angry", "Angry", "happy"]
    assert set(clips["corpus"]) == {"mine"}
    assert clips[["speaker", "language", "text"]].isna().all(axis=None)
    assert find_corpora(tmp_path) == {"mine": str(tmp_path / "mine")}


def test_folders_with_names_of_ones_own_are_read_when_asked_for(tmp_path):
    touch(tmp_path, "wistful/a.wav", "smug/b.wav", "happy/c.wav")
    clips = load_corpus(tmp_path, "folders")
    assert sorted(clips["emotion"]) == ["happy", "smug", "wistful"]
    for key in ("Happy", "happiness"):
        own = load_corpus(tmp_path, "folders", emotions={key: "joy", "smug": None})
        assert sorted(own["emotion"]) == ["joy", "wistful"]


def test_speaker_and_language_can_be_told_for_folders(tmp_path):
    touch(tmp_path / "mine", "angry/ane_1.wav", "sad/jon_1.wav")
    clips = load_corpus(tmp_path / "mine", speaker=r"([^/_]+)_[^/]*$", language="eu")
    assert clips["speaker"].tolist() == ["mine-ane", "mine-jon"]
    assert set(clips["language"]) == {"eu"}
    with pytest.raises(ValueError, match=r"finds nothing in .*ane_1\.wav"):
        load_corpus(tmp_path / "mine", speaker=r"(jon)_")
    with pytest.raises(ValueError, match="no group"):
        load_corpus(tmp_path / "mine", speaker=r"jon")


def test_clips_outside_any_folder_have_no_label(tmp_path):
    touch(tmp_path, "angry/a.wav", "b.wav")
    with pytest.raises(ValueError, match=r"b\.wav lies in no folder"):
        load_corpus(tmp_path, "folders")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.csv", "path,emotion,speaker\na.wav,angry,x\nsub/b.wav,wistful,\n"),
        ("list.csv", "\ufeffFile;Label;Speaker_ID\na.wav;angry;x\n\nsub/b.wav;wistful;\n"),
        (
            "list.csv",
            "file,label,path,emotion,speaker\nx,y,a.wav,angry,x\nx,y,sub/b.wav,wistful,\n",
        ),
        ("list.tsv", 'path\temotion\tspeaker\n"a.wav"\tangry\tx\nsub/b.wav\twistful\t\n'),
    ],
)
def test_a_list_is_read_whatever_separates_its_columns(tmp_path, name, text):
    touch(tmp_path, "a.wav", "sub/b.wav")
    (tmp_path / name).write_text(text, encoding="utf-8")
    clips = load_corpus(tmp_path / name)
    assert clips["emotion"].tolist() == ["angry", "wistful"]
    assert clips["path"].tolist() == [str(tmp_path / "a.wav"), str(tmp_path / "sub/b.wav")]
    assert clips["speaker"].iloc[0] == "x"
    assert pd.isna(clips["speaker"].iloc[1])
    assert set(clips["corpus"]) == {"list"}


def test_a_list_may_cut_segments_out_of_long_files(tmp_path):
    touch(tmp_path, "a.wav")
    (tmp_path / "list.csv").write_text("path,emotion,start,end\na.wav,fear,1.5,3\na.wav,joy,3,\n")
    clips = load_corpus(tmp_path / "list.csv")
    assert clips["start"].tolist() == [1.5, 3.0]
    assert clips["end"].iloc[0] == 3.0
    assert np.isnan(clips["end"].iloc[1])


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", ValueError, "no column 'path'.*names nothing"),
        ("path,feeling\na.wav,joy\n", ValueError, "no column 'emotion'.*path, feeling"),
        ("path,emotion\n", ValueError, "lists no clips"),
        ("path,emotion\na.wav,joy\na.wav,\n", ValueError, "line 3: the column 'emotion' is empty"),
        ("path,emotion\na.wav,joy\nz.wav,joy\n", FileNotFoundError, r"line 3: .*z\.wav"),
        ("path,class,label\na.wav,joy,joy\n", ValueError, "more than one column.*emotion"),
    ],
)
def test_a_wrong_list_is_told_by_line_and_column(tmp_path, text, error, message):
    touch(tmp_path, "a.wav")
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(error, match=message):
        load_corpus(tmp_path / "list.csv")


def test_a_list_that_is_not_utf8_is_told(tmp_path):
    (tmp_path / "list.csv").write_bytes("path,emotion\nä.wav,joy\n".encode("latin-1"))
    with pytest.raises(ValueError, match="not UTF-8"):
        load_corpus(tmp_path / "list.csv")


def test_paths_lead_to_the_same_files_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "voices" / "anger").mkdir(parents=True)
    (tmp_path / "voices" / "anger" / "a.wav").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert load_corpus("voices", "folders")["path"].tolist() == [str(tmp_path / "voices" / "anger" / "a.wav")]


def test_a_missing_folder_is_told_with_what_does_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no {tmp_path}/x/y; the folder {tmp_path} does"):
        load_corpus(tmp_path / "x" / "y")


def test_a_folder_without_audio_is_told_with_what_it_holds(tmp_path):
    touch(tmp_path, "archive.zip", "readme.txt")
    with pytest.raises(FileNotFoundError, match=r"no audio.*archive\.zip, readme\.txt"):
        load_corpus(tmp_path)


def test_an_unknown_layout_is_told_with_examples_and_a_way_out(tmp_path):
    touch(tmp_path, "x/1.wav", "x/2.wav")
    with pytest.raises(ValueError, match=r"2 audio files such as x/1\.wav.*emodb.*CSV file"):
        load_corpus(tmp_path)
    assert find_corpora(tmp_path) == {}


def test_a_corpus_that_is_not_there_is_told_with_its_layout(tmp_path):
    touch(tmp_path, "x/1.wav")
    with pytest.raises(ValueError, match=r"none is named like those of EmoDB \(wav/03a01Fa\.wav\)"):
        load_corpus(tmp_path, "emodb")


def test_a_corpus_name_that_is_unknown_is_told_with_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"corpus='imagined' is not known.*casia.*folders"):
        load_corpus(tmp_path, "imagined")


def test_one_audio_file_is_no_corpus(tmp_path):
    touch(tmp_path, "a.wav")
    with pytest.raises(ValueError, match="is one file"):
        load_corpus(tmp_path / "a.wav")
    (tmp_path / "list.csv").write_text("path,emotion\na.wav,joy\n")
    with pytest.raises(ValueError, match="is a file"):
        find_corpora(tmp_path / "list.csv")
    with pytest.raises(ValueError, match="pass the CSV file itself"):
        load_corpus(tmp_path, "csv")


def test_a_dataframe_is_no_folder():
    with pytest.raises(TypeError, match="DataFrame already"):
        load_corpus(pd.DataFrame({"path": [], "emotion": []}))


def entry(**changes):
    return Corpus(
        **{
            "name": "mine",
            "title": "Mine",
            "language": "eu",
            "layout": "ane_pozik.wav",
            "pattern": r"(?P<speaker>[a-z]+)_(?P<emotion>pozik|triste)",
            "emotions": {"pozik": "happiness", "triste": "sadness"},
            "clips": 2,
            "license": "ours",
            **changes,
        }
    )


def test_one_entry_adds_a_corpus(tmp_path, monkeypatch):
    monkeypatch.setitem(CORPORA, "mine", entry())
    register_corpus(entry())
    touch(tmp_path, "ane_pozik.wav", "jon_triste.wav")
    clips = load_corpus(tmp_path)
    assert clips["emotion"].tolist() == ["happiness", "sadness"]
    assert clips["speaker"].tolist() == ["mine-ane", "mine-jon"]


def test_an_entry_that_cannot_work_is_refused():
    with pytest.raises(ValueError, match="lower case"):
        register_corpus(entry(name="My corpus"))
    with pytest.raises(ValueError, match="no group named speaker"):
        register_corpus(entry(pattern="(?P<emotion>x)"))
    assert "mine" not in CORPORA


def test_labels_of_ones_own_are_not_renamed_or_merged(tmp_path):
    touch(tmp_path, "a.wav")
    (tmp_path / "list.csv").write_text("path,emotion\na.wav,happy\na.wav,joy\na.wav,Happy\n")
    assert load_corpus(tmp_path / "list.csv")["emotion"].tolist() == ["happy", "joy", "Happy"]
    merged = load_corpus(tmp_path / "list.csv", emotions={"happiness": "joy"})
    assert set(merged["emotion"]) == {"joy"}


def test_a_folder_whose_name_begins_with_a_line_is_no_label(tmp_path):
    root = touch(tmp_path / "mine", "happy/a.wav", "sad/b.wav", "_background_noise_/c.wav", "_old/x/d.wav")
    with pytest.warns(UserWarning, match=r"left out 2 files in _background_noise_, _old"):
        clips = load_corpus(root)
    assert clips["emotion"].tolist() == ["happy", "sad"]
    inner = touch(tmp_path / "_raw", "happy/a.wav", "sad/b.wav", "sad/_take2/c.wav")
    assert load_corpus(inner)["emotion"].tolist() == ["happy", "sad", "sad"]
    only = touch(tmp_path / "other", "_a/wistful/a.wav", "_a/smug/b.wav")
    assert load_corpus(only, "folders")["emotion"].tolist() == ["smug", "wistful"]


def test_sound_of_every_known_ending_is_found(tmp_path):
    names = [f"happy/{ending[1:]}{ending}" for ending in (".m4a", ".flv", ".3gp", ".m4b", ".w64", ".AIFF", ".Wav")]
    touch(tmp_path, *names, "sad/x.wav", "sad/notes.txt")
    assert len(load_corpus(tmp_path)) == len(names) + 1


def test_folders_found_beside_each_other_are_read_by_their_place(tmp_path):
    touch(tmp_path, "mine/happy/a.wav", "mine/sad/b.wav", "yours/angry/a.wav", "yours/sad/b.wav")
    found = find_corpora(tmp_path)
    assert {name: len(load_corpus(place)) for name, place in found.items()} == {"mine": 2, "yours": 2}


def test_names_of_folders_and_lists_need_not_be_utf8(tmp_path):
    odd = os.fsdecode(b"caf\xe9")
    root = touch(tmp_path / odd, f"happy/{odd}.wav", f"sad/{odd}.wav", f"{odd}/{odd}.wav")
    clips = load_corpus(root, "folders", speaker="([^/]+)[.]wav$")
    assert clips["path"].tolist() == sorted(str(path) for path in root.rglob("*.wav"))
    assert set(clips["emotion"]) == {"happy", "sad", r"caf\udce9"}
    assert set(clips["speaker"]) == {r"caf\udce9-caf\udce9"}
    assert find_corpora(tmp_path) == {odd: str(root)}
    (root / f"{odd}.csv").write_text("path,emotion\nhappy/caf\\udce9.wav,happy\n")
    assert load_corpus(root / f"{odd}.csv")["corpus"].tolist() == [r"caf\udce9"]


def test_a_list_without_emotions_is_a_pool(tmp_path):
    touch(tmp_path, "a.wav", "b.wav")
    (tmp_path / "pool.csv").write_text("path,speaker,duration\na.wav,ane,1.5\nb.wav,,2\n")
    with pytest.raises(ValueError, match="has no column 'emotion'"):
        load_corpus(tmp_path / "pool.csv")
    pool = load_corpus(tmp_path / "pool.csv", labeled=False)
    assert pool["emotion"].isna().all()
    assert pool["speaker"].tolist()[0] == "ane"
    assert pool["duration"].tolist() == [1.5, 2.0]
    (tmp_path / "some.csv").write_text("path,emotion\na.wav,joy\nb.wav,\n")
    with pytest.raises(ValueError, match="line 3: the column 'emotion' is empty"):
        load_corpus(tmp_path / "some.csv")
    assert load_corpus(tmp_path / "some.csv", labeled=False)["emotion"].isna().tolist() == [False, True]
    assert len(load_corpus(tmp_path / "some.csv", emotions={"joy": None}, labeled=False)) == 1


def test_a_duration_of_a_list_becomes_an_end_and_a_contradiction_names_its_line(tmp_path):
    touch(tmp_path, "a.wav")
    (tmp_path / "list.csv").write_text("path,emotion,start,duration,end\na.wav,joy,0:01,2,\na.wav,joy,,0.5,0.45\n")
    found = load_corpus(tmp_path / "list.csv")
    assert found["end"].tolist() == [3.0, 0.45]
    assert "duration" not in found
    (tmp_path / "list.tsv").write_text("path\temotion\tstart\tduration\tend\na.wav\tjoy\t1\t2\t4\n")
    with pytest.raises(ValueError, match=r"list.tsv, line 2: start, end and duration disagree \(1 s and 2 s"):
        load_corpus(tmp_path / "list.tsv")
