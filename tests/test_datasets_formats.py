"""What other projects describe their data by is read as they read it, and nothing of it is run."""

import gzip
import json
import os
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sere.datasets import find_corpora, load_corpus
from sere.datasets.formats import recognise_format


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def jsonl(path, *objects):
    text = "".join(json.dumps(entry) + "\n" for entry in objects)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def listed(frame, *names):
    return frame[list(names)].astype(object).where(frame[list(names)].notna(), None).values.tolist()


# audformat: written by the library itself.


@pytest.fixture
def database(tmp_path):
    """Segments that come in turns, an open end, a label that is missing, speakers in a table of files."""
    audformat = pytest.importorskip("audformat", exc_type=ImportError)
    db = audformat.Database("dialogue", languages=["de"])
    db.schemes["emotion"] = audformat.Scheme(labels=["anger", "joy"])
    db.schemes["speaker"] = audformat.Scheme(labels={"anna": {"gender": "female"}, "bob": {"gender": "male"}})
    db["files"] = audformat.Table(audformat.filewise_index(["audio/a.wav", "audio/b.wav"]))
    db["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    db["files"]["speaker"].set(["anna", "bob"])
    turns = [f"audio/{name}.wav" for name in "abab"]
    index = audformat.segmented_index(turns, ["0s", "0s", "1s", "1s"], ["1s", "1s", pd.NaT, "2s"])
    db["turns"] = audformat.Table(index)
    db["turns"]["emotion"] = audformat.Column(scheme_id="emotion")
    db["turns"]["emotion"].set(["anger", "joy", "joy", None])
    touch(tmp_path, *turns)

    def saved(storage="csv"):
        db.save(tmp_path, storage_format=storage)
        return tmp_path

    saved.db = db
    return saved


@pytest.mark.parametrize("storage", ["csv", "parquet"])
def test_an_audformat_database_with_open_ends_and_speakers_by_file(database, storage):
    folder = database(storage)
    with pytest.warns(UserWarning, match=r"left out \(no emotion\): .*audio/b.wav") as said:
        found = load_corpus(folder)
    assert said[0].filename == __file__
    assert listed(found, "emotion", "speaker", "language", "start", "end") == [
        ["anger", "dialogue-anna", "de", 0.0, 1.0],
        ["joy", "dialogue-bob", "de", 0.0, 1.0],
        ["joy", "dialogue-anna", "de", 1.0, None],
    ]
    assert found["path"].tolist() == [str(folder / f"audio/{name}.wav") for name in "aba"]
    assert set(found["corpus"]) == {"dialogue"}


def test_one_table_of_a_database_counts_alone(database):
    import audformat

    db = database.db
    db["other"] = audformat.Table(audformat.filewise_index(["audio/a.wav"]))
    db["other"]["emotion"] = audformat.Column(scheme_id="emotion")
    db["other"]["emotion"].set(["joy"])
    db["again"] = audformat.Table(audformat.filewise_index(["audio/a.wav"]))
    db["again"]["emotion"] = audformat.Column(scheme_id="emotion")
    db["again"]["emotion"].set(["anger"])
    folder = database()
    with pytest.raises(ValueError, match=r"the tables disagree about a clip .*pass one of them"):
        load_corpus(folder)
    found = load_corpus(folder / "db.other.csv")
    assert listed(found, "emotion", "speaker") == [["joy", "dialogue-anna"]]
    assert "start" not in found


def test_a_database_whose_labels_have_another_name_is_told_by_its_words(database):
    import audformat

    db = database.db
    db.drop_tables("turns")
    db["files"]["mood"] = audformat.Column()
    db["files"]["mood"].set(["Wut", "Trauer"])
    assert load_corpus(database())["emotion"].tolist() == ["Wut", "Trauer"]
    db["files"]["mood"].set(["high", "low"])
    with pytest.raises(ValueError, match=r"no scheme or column is called emotion.*files \(speaker, mood\)"):
        load_corpus(database())


def test_no_pickle_and_no_object_of_a_database_is_loaded(database):
    folder = database("pkl")
    with pytest.raises(ValueError, match=r"no db.files.csv or db.files.parquet.*a pickle could run code"):
        load_corpus(folder)
    (folder / "db.turns.pkl").unlink()
    (folder / "db.files.pkl").write_bytes(b"no pickle")
    for table in ("files", "turns"):
        database.db[table].save(folder / f"db.{table}", storage_format="csv")
    (folder / "db.files.pkl").write_bytes(b"no pickle")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(load_corpus(folder)) == 3
    header = (folder / "db.yaml").read_text().replace("source: ''", "source: !!python/tuple [an, object]")
    (folder / "db.yaml").write_text(header)
    with pytest.raises(ValueError, match=r"db.yaml is no plain YAML"):
        load_corpus(folder)


# Kaldi.


@pytest.fixture
def kaldi(tmp_path):
    touch(tmp_path / "corpus", "a b.wav", "c.wav")
    folder = tmp_path / "egs" / "train"
    write(folder / "wav.scp", f"rec-a {tmp_path}/corpus/a b.wav\nrec-c ../egs/../corpus/c.wav\n")
    write(folder / "segments", "u1 rec-a 0.5 2.25\nu2 rec-a 2.25 -1\nu3 rec-c 0 1\nu4 rec-c 1 2 -1\n")
    write(folder / "utt2spk", "u1 ane\nu2 ane\nu3 bo\nu4 bo\n")
    write(folder / "utt2lang", "u1 eu\nu2 eu\nu3 eu\nu4 eu\n")
    write(folder / "text", "u1 good morning\nu2\n")
    write(folder / "utt2emo", "u1 anger\nu2 very happy\nu3 sadness\n")
    return folder


def test_a_kaldi_data_folder(kaldi):
    with pytest.warns(UserWarning, match=r"left out \(no emotion\): .*segments, line 4"):
        found = load_corpus(kaldi)
    assert listed(found, "id", "emotion", "speaker", "language", "start", "end") == [
        ["u1", "anger", "ane", "eu", 0.5, 2.25],
        ["u2", "very happy", "ane", "eu", 2.25, None],
        ["u3", "sadness", "bo", "eu", 0.0, 1.0],
    ]
    assert found["text"].iloc[0] == "good morning"
    assert [os.path.basename(path) for path in found["path"]] == ["a b.wav", "a b.wav", "c.wav"]
    assert set(found["corpus"]) == {"train"}


def test_recordings_without_segments_are_utterances(kaldi):
    (kaldi / "segments").unlink()
    write(kaldi / "utt2emo", "rec-a joy\nrec-c joy\n")
    found = load_corpus(kaldi)
    assert listed(found, "id", "emotion") == [["rec-a", "joy"], ["rec-c", "joy"]]
    assert "start" not in found


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("wav.scp", "rec-a a.wav\nrec-c sox c.flac -t wav - |\n", r"wav.scp, line 2: rec-c is a command .*not run"),
        ("wav.scp", "rec-a a.wav\nrec-c\n", r"wav.scp, line 2: nothing follows 'rec-c'"),
        ("segments", "u1 rec-x 0 1\n", r"segments, line 1: wav.scp has no recording 'rec-x'"),
        ("segments", "u1 rec-a 0\n", r"segments, line 1: there must be utterance, recording, start and end"),
        ("segments", "u1 rec-a zero 1\n", r"segments, line 1: start and end must be seconds, got zero and 1"),
        ("segments", "u1 rec-a 0 1 1\n", r"segments, line 1: channel 1 cannot be picked"),
        ("utt2emo", "x anger\n", r"none of the 4 clips .*has an emotion. They are read from utt2emo"),
    ],
)
def test_what_is_wrong_in_a_kaldi_folder_is_named_by_file_and_line(kaldi, file, text, words):
    write(kaldi / file, text)
    with pytest.raises(ValueError, match=words):
        load_corpus(kaldi)


# lhotse: the layout that its release 1.33 writes.


def recording(name, path, channels=(0,), **more):
    sources = [{"type": "file", "channels": list(channels), "source": path}]
    facts = {"sampling_rate": 16000, "num_samples": 64000, "duration": 4.0, "channel_ids": list(channels)}
    return {"id": name, "sources": sources, **facts, **more}


def supervision(name, start, duration, emotion=None, **more):
    custom = {} if emotion is None else {"custom": {"emotion": emotion}}
    about = {"id": name, "recording_id": "a", "start": start, "duration": duration, "channel": 0}
    return about | {"text": "hello", "language": "en", "speaker": "ane"} | custom | more


def cut(start, duration, *supervisions, **more):
    head = {"id": "c", "start": start, "duration": duration, "channel": 0, "supervisions": list(supervisions)}
    return head | {"recording": recording("a", "audio/a.wav"), "type": "MonoCut"} | more


@pytest.fixture
def lhotse(tmp_path):
    return touch(tmp_path, "audio/a.wav") / "fbank"


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_supervisions_of_cuts_are_clips_and_their_times_count_from_the_cut(lhotse, ending):
    cuts = [cut(0, 4.0, supervision("s1", 0.25, 1.5, "anger"), supervision("s2", 2.0, 2.0, "joy"))]
    cuts += [cut(1.0, 2.0, supervision("s3", -0.5, 1.5, "anger"), supervision("s4", 1.5, 2.0, "joy"))]
    found = load_corpus(jsonl(lhotse / f"cuts_train.{ending}", *cuts))
    assert listed(found, "id", "emotion", "start", "end") == [
        ["s1", "anger", 0.25, 1.75],
        ["s2", "joy", 2.0, 4.0],
        ["s3", "anger", 1.0, 2.0],
        ["s4", "joy", 2.5, 3.0],
    ]
    assert listed(found, "speaker", "language", "text", "corpus")[0] == ["ane", "en", "hello", "cuts_train"]
    assert set(found["path"]) == {str(lhotse.parent / "audio/a.wav")}


def test_a_cut_that_names_an_emotion_is_a_clip_itself(lhotse):
    whole = cut(0, 4.0, supervision("s1", 0.5, 1.0), custom={"emo": "joy"})
    part = cut(1.0, 2.0, custom={"label": 3}, id="d")
    found = load_corpus(jsonl(lhotse / "cuts.jsonl", whole, part))
    assert listed(found, "id", "emotion", "speaker", "start", "end") == [
        ["c", "joy", "ane", None, None],
        ["d", "3", None, 1.0, 3.0],
    ]


def test_supervisions_and_recordings_find_each_other(lhotse):
    file = jsonl(lhotse / "dt_supervisions_dev.jsonl.gz", supervision("s1", 0.25, 1.5, "anger"))
    with pytest.raises(FileNotFoundError, match=r"no dt_recordings_dev.jsonl.gz beside it"):
        load_corpus(file)
    other = jsonl(lhotse / "dt_recordings_dev.jsonl.gz", recording("a", "audio/a.wav"))
    for place in (file, other, lhotse):
        assert listed(load_corpus(place), "id", "start", "end") == [["s1", 0.25, 1.75]]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"id": "m", "tracks": [], "type": "MixedCut"}, "a MixedCut is made by lhotse; save its sound"),
        (
            cut(0, 1, recording=recording("a", "audio/a.wav", transforms=[{"name": "Speed", "kwargs": {}}])),
            r"would change the sound \(Speed\)",
        ),
        (cut(0, 1, recording=recording("a", "audio/a.wav", (0, 1))), r"no file of channel 0 alone"),
        (cut(0, "x"), "'duration' must be a number of seconds, got 'x'"),
        ({"id": "f", "start": 0, "duration": 1, "type": "MonoCut", "features": {}}, "the cut has no recording"),
        (cut(0, 1, supervision("s", 0, 1)), "has an emotion. They are read from 'custom'"),
    ],
)
def test_what_lhotse_would_compute_is_refused_by_line(lhotse, entry, words):
    with pytest.raises(ValueError, match=words):
        load_corpus(jsonl(lhotse / "cuts.jsonl", entry))


def test_resampling_and_all_channels_of_a_file_are_no_change(lhotse):
    stereo = recording("a", "audio/a.wav", (0, 1), transforms=[{"name": "Resample", "kwargs": {}}])
    found = load_corpus(
        jsonl(lhotse / "cuts.jsonl", cut(0, 4, recording=stereo, channel=[0, 1], custom={"emotion": "joy"}))
    )
    assert found["emotion"].tolist() == ["joy"]


def test_a_clip_in_two_manifests_of_a_folder_is_an_error(lhotse):
    for name in ("cuts.jsonl", "cuts_sp.jsonl"):
        jsonl(lhotse / name, cut(0, 4, supervision("s", 0, 1, "joy")))
    with pytest.raises(ValueError, match=r"cuts_sp.jsonl, line 1: 's' is in .*cuts.jsonl, line 1, too"):
        load_corpus(lhotse)


def test_what_lhotse_itself_writes_is_read(tmp_path):
    lhotse = pytest.importorskip("lhotse")
    soundfile.write(tmp_path / "a.wav", np.zeros(32_000), 16_000)
    recordings = lhotse.RecordingSet.from_recordings([lhotse.Recording.from_file(tmp_path / "a.wav")])
    spoken = [
        lhotse.SupervisionSegment(f"s{k}", "a", k, 0.5, speaker="ane", custom={"emotion": emotion})
        for k, emotion in enumerate(["anger", "joy"])
    ]
    supervisions = lhotse.SupervisionSet.from_segments(spoken)
    cuts = lhotse.CutSet.from_manifests(recordings, supervisions)
    for name, manifest in {"recordings": recordings, "supervisions": supervisions, "cuts": cuts}.items():
        manifest.to_file(tmp_path / f"{name}.jsonl.gz")
    cuts.trim_to_supervisions().to_file(tmp_path / "trimmed.jsonl.gz")
    for name in ("recordings", "supervisions", "cuts", "trimmed"):
        found = load_corpus(tmp_path / f"{name}.jsonl.gz")
        assert listed(found, "emotion", "start", "end") == [["anger", 0.0, 0.5], ["joy", 1.0, 1.5]], name


# EmoBox: the layout of its repository.


def emobox(folder, name="mesd", **more):
    entry = {"key": f"{name}-1", "dataset": name, "wav": f"downloads/{name}/1.wav", "type": "raw"}
    facts = {"sample_rate": 48000, "num_frame": 9.0, "task": "category", "length": 3.0, "emo": "p", "channel": 1}
    return jsonl(folder / f"data/{name}/{name}.jsonl", entry | facts | more)


def test_emoboxs_metadata_with_its_labels_and_speakers(tmp_path):
    touch(tmp_path, "downloads/mesd/1.wav")
    file = emobox(tmp_path)
    assert listed(load_corpus(file), "emotion", "speaker", "id") == [["p", None, "mesd-1"]]
    write(file.parent / "label_map.json", '{"p": "Fear"}')
    write(file.parent / "data.seg.wrd.stm", "mesd-1 1 x 0.0 3 <id=mesd-1,lang=en,spk=JOHN DOE,emotion=p> p\n")
    fold = file.parent / "fold_1/mesd_test_fold_1.jsonl"
    fold.parent.mkdir()
    fold.write_bytes(file.read_bytes())
    for place in (file, file.parent, fold):
        found = load_corpus(place)
        assert listed(found, "emotion", "speaker", "corpus") == [["Fear", "mesd-JOHN DOE", "mesd"]]
        assert found["path"].tolist() == [str(tmp_path / "downloads/mesd/1.wav")]
        assert found["language"].isna().all()


def test_emoboxs_other_form_and_its_times(tmp_path):
    touch(tmp_path, "1.wav")
    entry = {"wav": "1.wav", "length": 3.0, "emo": "joy", "dataset": "pavoque", "channel": 1}
    file = write(tmp_path / "p.json", json.dumps({"pavoque-1": entry | {"start_time": 1.5, "end_time": 4.5}}))
    assert listed(load_corpus(file), "id", "start", "end") == [["pavoque-1", 1.5, 4.5]]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"type": "feature"}, r"mesd.jsonl, line 1: its type is 'feature'"),
        ({"wav": None}, r"mesd.jsonl, line 1: 'wav', the path, is missing"),
        ({"start_time": "soon"}, r"mesd.jsonl, line 1: start must be a number of seconds"),
    ],
)
def test_what_is_wrong_in_emoboxs_metadata_is_named_by_line(tmp_path, more, words):
    touch(tmp_path, "downloads/mesd/1.wav")
    with pytest.raises(ValueError, match=words):
        load_corpus(emobox(tmp_path, **more))


def test_a_file_that_is_not_there_is_named_with_its_line(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"mesd.jsonl, line 1: there is no file .*downloads/mesd/1.wav"):
        load_corpus(emobox(tmp_path))


# nkululeko.


INI = """
[EXP]
root = ./results
[DATA]
databases = ['one', 'two']
one = ./one.csv
one.type = csv
one.absolute_path = False
one.split_strategy = ['s2']
one.mapping = {'anger, fury': 'angry', 'sadness': 'sad'}
Two = ./two.csv
two.type = csv
two.audio_path = audio
two.colnames = {'who': 'speaker', 'lab': 'emotion'}
two.rename_speakers = True
two.split_strategy = test
target = emotion
labels = ['angry', 'sad']
[FEATS]
type = ['os']
"""


@pytest.fixture
def nkululeko(tmp_path):
    touch(tmp_path, *(f"audio/{k}.wav" for k in range(6)))
    lines = [(0, "anger", "s1"), (1, "fury", "s2"), (2, "sadness", "s1"), (3, "boredom", "s2")]
    rows = [f"audio/{k}.wav,0 days 00:00:00.100000,,{emotion},{who},female\n" for k, emotion, who in lines]
    write(tmp_path / "one.csv", "file,start,end,emotion,speaker,gender\n" + "".join(rows))
    write(tmp_path / "two.csv", "file,lab,who\n4.wav,angry,1\n5.wav,neutral,2\n")
    return write(tmp_path / "exp.ini", INI)


def test_an_experiment_of_nkululekos(nkululeko):
    found = load_corpus(nkululeko)
    assert listed(found, "emotion", "speaker", "corpus", "split", "start", "end") == [
        ["angry", "s1", "one", "train", 0.1, None],
        ["angry", "s2", "one", "test", 0.1, None],
        ["sad", "s1", "one", "train", 0.1, None],
        ["angry", "two1", "two", "test", None, None],
    ]
    assert found["path"].tolist() == [str(nkululeko.parent / f"audio/{k}.wav") for k in (0, 1, 2, 4)]


def test_nkululekos_csv_is_a_list(nkululeko):
    found = load_corpus(nkululeko.parent / "one.csv")
    assert found["emotion"].tolist() == ["anger", "fury", "sadness", "boredom"]
    assert found["speaker"].tolist() == ["s1", "s2", "s1", "s2"]


@pytest.mark.parametrize(
    ("strategy", "splits"),
    [
        ("one.split_strategy = train", ["train"] * 3),
        ("one.split_strategy = speaker_split", None),
        ("one.split_strategy = speakers_stated\none.train = ['s2']\none.test = ['s1']", ["test", "train", "test"]),
        (
            "one.split_strategy = column\none.split_column = Gender\none.dev_vals = ['female']",
            ["dev", "dev", "dev"],
        ),
    ],
)
def test_the_split_is_what_a_strategy_says_and_open_where_it_draws(nkululeko, strategy, splits):
    text = INI.replace("one.split_strategy = ['s2']", strategy).replace("['one', 'two']", "['one']")
    found = load_corpus(write(nkululeko, text))
    assert found["split"].tolist() == splits if splits else "split" not in found


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("target = emotion", "", r"exp.ini: \[DATA\] names no target"),
        ("one = ./one.csv", "", r"lists the database 'one' and does not say where it is"),
        ("{'anger, fury'", "{anger, fury'", r"\[DATA\] one.mapping = .* is no list, dict or other literal"),
        ("one.type = csv", "one.type = xls", "one.type is 'xls'; it must be csv or audformat"),
        ("strategy = test", "strategy = moon", "two.split_strategy = moon is unknown"),
        ("'sad']\n", "'sad']\nlabels = ['x']\n", r"exp.ini cannot be read: .*option 'labels'"),
        ("labels = ['angry', 'sad']", "labels = ['x']", r"no clip has one of the labels \['x'\]"),
        ("target = emotion", "target = mood", r"one.csv has no column 'mood', the target; it has file, start"),
    ],
)
def test_what_is_wrong_in_an_ini_file_is_named(nkululeko, old, new, words):
    assert old in INI
    with pytest.raises(ValueError, match=words):
        load_corpus(write(nkululeko, INI.replace(old, new)), "nkululeko")


def test_filters_of_an_ini_file_are_said_not_to_count(nkululeko):
    text = INI.replace("one.type = csv", "one.type = csv\none.limit_samples = 2")
    with pytest.warns(UserWarning, match=r"exp.ini: one.limit_samples is not followed") as said:
        load_corpus(write(nkululeko, text))
    assert said[0].filename == __file__


def test_databases_of_audformat_in_an_ini_file_keep_their_tables_as_splits(database):
    import audformat

    db = database.db
    db["held"] = audformat.Table(audformat.segmented_index(["audio/b.wav"], ["1s"], ["2s"]))
    db["held"]["emotion"] = audformat.Column(scheme_id="emotion")
    db["held"]["emotion"].set(["anger"])
    db["turns"]["emotion"].set(["anger", "joy", "joy", "anger"])
    folder = database()
    data = (
        "databases = ['d']\nd = .\nd.split_strategy = specified\nd.train_tables = ['turns']\nd.test_tables = ['held']\n"
    )
    with pytest.raises(ValueError, match=r"\[DATA\] names no target"):
        load_corpus(write(folder / "exp.ini", f"[DATA]\n{data}"))
    found = load_corpus(write(folder / "exp.ini", f"[DATA]\n{data}target = emotion\n"))
    assert sorted(listed(found, "split", "emotion")) == [
        ["test", "anger"],
        ["train", "anger"],
        ["train", "joy"],
        ["train", "joy"],
    ]


# Hugging Face's audio folders.


def test_tables_beside_the_files_of_each_split(tmp_path):
    for top in ("csv", "jsonl/data"):
        for split in ("train", "validation"):
            touch(tmp_path / top / split, "1.wav", "2.wav")
    for split in ("train", "validation"):
        write(tmp_path / f"csv/{split}/metadata.csv", "file_name,emotion,speaker_id\n1.wav,joy,a\n2.wav,anger,b\n")
        entries = [{"file_name": f"{k}.wav", "label": label} for k, label in ((1, "joy"), (2, 7))]
        jsonl(tmp_path / f"jsonl/data/{split}/metadata.jsonl", *entries)
    found = load_corpus(tmp_path / "csv")
    assert listed(found, "emotion", "speaker", "split", "corpus") == [
        ["joy", "a", "train", "csv"],
        ["anger", "b", "train", "csv"],
        ["joy", "a", "dev", "csv"],
        ["anger", "b", "dev", "csv"],
    ]
    assert load_corpus(tmp_path / "jsonl")["emotion"].tolist() == ["joy", "7"] * 2
    assert load_corpus(tmp_path / "csv/train/metadata.csv")["speaker"].tolist() == ["a", "b"]
    assert load_corpus(tmp_path / "jsonl/data/train/metadata.jsonl")["emotion"].tolist() == ["joy", "7"]
    assert find_corpora(tmp_path) == {name: str(tmp_path / name) for name in ("csv", "jsonl")}


def test_a_line_without_a_file_is_named(tmp_path):
    file = jsonl(tmp_path / "metadata.jsonl", {"file_name": "1.wav", "emotion": "joy"}, {"emotion": "joy"})
    with pytest.raises(ValueError, match=r"metadata.jsonl, line 2: 'file_name', the path, is missing"):
        load_corpus(file)
    touch(tmp_path, "train/1.wav")
    write(tmp_path / "train/metadata.csv", "file_name,emotion\n1.wav,joy\n,joy\n")
    (tmp_path / "metadata.jsonl").unlink()
    with pytest.raises(ValueError, match=r"metadata.csv, line 3: the path is missing"):
        load_corpus(tmp_path)


# All.


def test_a_known_corpus_with_a_table_without_emotions_stays_known(tmp_path):
    touch(tmp_path, "wav/03a01Fa.wav", "wav/03a01Wa.wav")
    write(tmp_path / "metadata.csv", "file_name,transcription\nwav/03a01Fa.wav,x\n")
    assert set(load_corpus(tmp_path)["corpus"]) == {"emodb"}


def test_a_format_is_asked_for_by_name_and_said_where_it_is_another(tmp_path):
    touch(tmp_path, "joy/a.wav", "anger/b.wav")
    with pytest.raises(ValueError, match="is not a Kaldi data folder"):
        load_corpus(tmp_path, "kaldi")
    with pytest.raises(ValueError, match=r"corpus='caldi' is not known.*folders, list, audformat, nkululeko, kaldi"):
        load_corpus(tmp_path, "caldi")
    jsonl(tmp_path / "x.jsonl", {"a": 1})
    with pytest.raises(ValueError, match=r"is of no format that is known\. Known: an audformat database"):
        load_corpus(tmp_path / "x.jsonl")
    assert recognise_format(tmp_path) is None


def test_emotions_of_a_manifest_are_renamed_as_any(kaldi):
    write(kaldi / "utt2emo", "u1 anger\nu2 joy\nu3 joy\nu4 fear\n")
    found = load_corpus(kaldi, emotions={"joy": "happy", "fear": None}, language="de")
    assert listed(found, "id", "emotion", "language") == [
        ["u1", "anger", "de"],
        ["u2", "happy", "de"],
        ["u3", "happy", "de"],
    ]


def test_a_pool_keeps_clips_without_an_emotion(kaldi, tmp_path):
    write(kaldi / "utt2emo", "u1 anger\nu3 joy\n")
    found = load_corpus(kaldi, emotions={"joy": None}, labeled=False)
    assert listed(found, "id", "emotion") == [["u1", "anger"], ["u2", None], ["u4", None]]
    (kaldi / "utt2emo").unlink()
    assert load_corpus(kaldi, labeled=False)["emotion"].isna().tolist() == [True] * 4
    (tmp_path / "corpus" / "c.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"segments, line 3: there is no file .*c.wav"):
        load_corpus(kaldi, labeled=False)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_no_content_of_a_manifest_is_more_than_an_error(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("odd")
    for name in ("cuts.jsonl", "cuts.jsonl.gz", "x.json", "x.ini", "wav.scp", "metadata.jsonl"):
        (folder / name).write_bytes(content)
        try:
            load_corpus(folder if name == "wav.scp" else folder / name)
        except (ValueError, OSError):
            (folder / name).unlink()
        else:
            raise AssertionError(f"{name} was read")
