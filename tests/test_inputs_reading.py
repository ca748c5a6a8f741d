"""What may be passed as X, as a pool and as y: every form means the same clips, every mistake says where it is."""

import datetime
import io
import os
import pickle
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sere import DynamicFeatureTransformer, SEREClassifier
from sere.audio import AudioError
from sere.files.paths import fixed
from sere.inputs.items import as_clip, as_seconds, end_of
from sere.inputs.reading import SereWarning, as_pools, as_utterances


class Polarcolumn:
    """A column as polars has it: no index, lists of plain values."""

    def __init__(self, values):
        self.values = values

    def __iter__(self):
        return iter(self.values)

    def to_list(self):
        return self.values

    def to_pandas(self):
        raise ModuleNotFoundError("pyarrow")


class Polarlike:
    """A table as polars has it."""

    def __init__(self, columns):
        self.content = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return Polarcolumn(self.content[name])

    def __array__(self, dtype=None, copy=None):
        return np.array(list(self.content.values()), dtype=object).T

    def get_columns(self):
        return [self[name] for name in self.columns]

    def to_pandas(self):
        raise ModuleNotFoundError("pyarrow")


def audformat_table(paths):
    """A table as audformat writes it: file, start and end in the index, the last end open."""
    starts, ends = pd.to_timedelta([0] * len(paths)), pd.to_timedelta([None] * len(paths))
    index = pd.MultiIndex.from_arrays([paths, starts, ends], names=["file", "start", "end"])
    return pd.DataFrame({"emotion": "anger", "start": "not this one"}, index=index)


FORMS = {
    "list of paths": lambda d, paths: paths,
    "tuple of paths": lambda d, paths: tuple(paths),
    "list of PathLike": lambda d, paths: [Path(p) for p in paths],
    "Series of paths": lambda d, paths: pd.Series(paths, index=range(100, 100 + len(paths))),
    "string array of paths": lambda d, paths: np.array(paths),
    "object array of paths": lambda d, paths: np.array(paths, dtype=object),
    "list of waveforms": lambda d, paths: list(d["audio"]),
    "list of float64 waveforms": lambda d, paths: [w.astype(float) for w in d["audio"]],
    "Series of waveforms": lambda d, paths: d["audio"],
    "object array of waveforms": lambda d, paths: d["audio"].to_numpy(),
    "list of lists of samples": lambda d, paths: [w.tolist() for w in d["audio"]],
    "DataFrame of paths": lambda d, paths: pd.DataFrame({"path": paths}),
    "DataFrame of waveforms": lambda d, paths: d[["audio"]],
    "DataFrame with a strange index": lambda d, paths: d[["audio"]].set_axis(list("ab") * (len(d) // 2)),
    "DataFrame with sampling rates": lambda d, paths: d[["audio"]].assign(sampling_rate=16_000),
    "pairs of waveform and rate": lambda d, paths: [(w, 16_000) for w in d["audio"]],
    "pairs of rate and waveform": lambda d, paths: [(np.int64(16_000), w) for w in d["audio"]],
    "pairs of a row of a tensor and rate": lambda d, paths: [(torch.from_numpy(w[None]), 16_000) for w in d["audio"]],
    "columns": lambda d, paths: [w[:, None] for w in d["audio"]],
    "dicts of array and rate": lambda d, paths: [{"array": w, "sampling_rate": 16_000} for w in d["audio"]],
    "rows of a dataset": lambda d, paths: [
        {"audio": {"array": w, "sampling_rate": 16_000, "path": None}, "label": 3} for w in d["audio"]
    ],
    "dicts of path": lambda d, paths: [OrderedDict(path=p, bytes=None) for p in paths],
    "open files in memory": lambda d, paths: [io.BytesIO(Path(p).read_bytes()) for p in paths],
    "dicts of bytes": lambda d, paths: [{"bytes": Path(p).read_bytes(), "path": "gone.wav"} for p in paths],
    "DataFrame of dicts": lambda d, paths: pd.DataFrame({"audio": [{"path": p} for p in paths]}),
    "generator of paths": lambda d, paths: (p for p in paths),
    "map of waveforms": lambda d, paths: map(np.asarray, d["audio"]),
    "index of audformat": lambda d, paths: audformat_table(paths).index,
    "DataFrame of audformat": lambda d, paths: audformat_table(paths),
    "Series of labels with audformat's index": lambda d, paths: audformat_table(paths)["emotion"],
    "table of another library": lambda d, paths: Polarlike({"path": list(paths), "start": [None] * len(paths)}),
    "column of another library": lambda d, paths: Polarcolumn(list(paths)),
    "Utterances": lambda d, paths: as_utterances(paths),
    "Utterances with dynamics": lambda d, paths: DynamicFeatureTransformer().fit_transform(paths),
}


@pytest.fixture(scope="module")
def expected(model, target):
    return model.decision_function(list(target["audio"]))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_x_gives_the_same_scores(form, model, target, files, expected):
    np.testing.assert_array_equal(model.decision_function(FORMS[form](target, files)), expected)


def test_embedded_utterances_give_the_same_scores(model, files, expected, embed):
    np.testing.assert_array_equal(model.decision_function(embed(files)), expected)


@pytest.mark.parametrize("form", ["tuple of paths", "Series of paths", "DataFrame of paths", "list of waveforms"])
def test_every_form_of_x_fits_the_same_model(form, files, target):
    y = target["emotion"][:12]
    make = FORMS[form]
    head, pool = make(target[:12], files[:12]), make(target[12:], files[12:])
    reference = SEREClassifier(epochs=1, random_state=0).fit(files[:12], y, None, (files[12:],))
    found = SEREClassifier(epochs=1, random_state=0).fit(head, y, None, (pool,))
    np.testing.assert_array_equal(found.prototypes_, reference.prototypes_)


def test_rows_of_a_2d_array_are_waveforms_to_a_transformer():
    clips = np.random.default_rng(0).normal(0, 0.1, (3, 4000))
    transformer = DynamicFeatureTransformer()
    np.testing.assert_array_equal(transformer.fit_transform(clips), transformer.fit_transform(list(clips)))


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8"])
def test_integer_rows_of_a_2d_array_are_scaled_like_integer_waveforms(dtype):
    full = np.iinfo(dtype).max
    clips = (np.random.default_rng(0).uniform(0.2, 0.8, (3, 4000)) * full).astype(dtype)
    transformer = DynamicFeatureTransformer()
    np.testing.assert_array_equal(transformer.fit_transform(clips), transformer.fit_transform(list(clips)))


def test_segments_of_one_long_file_are_clips_of_their_own(model, target, expected, tmp_path):
    waves = list(target["audio"])
    ends = np.cumsum([len(w) for w in waves])
    path = str(tmp_path / "session.wav")
    soundfile.write(path, np.concatenate(waves), 16_000, subtype="FLOAT")
    starts = np.concatenate([[0], ends[:-1]])
    table = pd.DataFrame({"path": path, "start": starts / 16_000, "end": ends / 16_000})
    np.testing.assert_allclose(model.decision_function(table), expected, rtol=1e-9)


def test_missing_starts_and_ends_stand_for_beginning_and_end(files):
    table = pd.DataFrame({"path": files[:2], "start": [np.nan, 0.1], "end": [0.2, None]})
    clips = as_utterances(table).clips
    assert [(c.start, c.end) for c in clips] == [(None, 0.2), (0.1, None)]


TIMES = [
    (1.5, 1.5),
    (np.float32(1.5), 1.5),
    (2, 2.0),
    ("1.5", 1.5),
    (" 1.5 ", 1.5),
    ("0:01", 1.0),
    ("1:05.25", 65.25),
    ("61:00", 3660.0),
    ("1:00:01", 3601.0),
    ("0 days 00:00:01", 1.0),
    ("0 days 00:00:01.500000", 1.5),
    ("1 days 01:00:00", 90_000.0),
    ("1500ms", 1.5),
    ("1.5 s", 1.5),
    (pd.Timedelta("1.5s"), 1.5),
    (np.timedelta64(1500, "ms"), 1.5),
    (datetime.timedelta(seconds=1.5), 1.5),
    (np.timedelta64("NaT"), None),
    (pd.NaT, None),
    (pd.NA, None),
    (None, None),
    (np.nan, None),
    ("nan", None),
    ("", None),
]


@pytest.mark.parametrize(("written", "seconds"), TIMES, ids=[repr(time) for time, _ in TIMES])
def test_times_are_read_as_people_write_them(written, seconds):
    assert as_seconds(written, "start") == seconds


@pytest.mark.parametrize("written", ["soon", "0:99", "1:75:00", "12-30", "2024-01-01", True, [1], "1:2:3:4", "²"])
def test_what_is_no_time_is_refused(written):
    with pytest.raises(ValueError, match="end must be a number of seconds or a time"):
        as_seconds(written, "end")


def test_segments_as_times_are_those_in_seconds(files):
    seconds = pd.DataFrame({"path": files[:2], "start": [0.1, 0.0], "end": [0.3, 0.25]})
    expected = [(clip.start, clip.end) for clip in as_utterances(seconds).clips]
    for table in (
        seconds.assign(start=pd.to_timedelta(seconds["start"], "s"), end=pd.to_timedelta(seconds["end"], "s")),
        seconds.assign(start=["0:00.1", "0:00"], end=["0 days 00:00:00.300000", "0.25"]),
        seconds.drop(columns="end").assign(duration=[0.3 - 0.1, "0:00.25"]),
    ):
        found = [(clip.start, clip.end) for clip in as_utterances(table).clips]
        np.testing.assert_allclose(np.array(found), np.array(expected), atol=1e-12)


def test_a_duration_counts_from_a_start_unless_an_end_stands_there(files):
    table = pd.DataFrame({"path": files[:3], "start": [0.1, 0.1, None], "duration": [0.2, 0.2, 0.1]})
    ends = [clip.end for clip in as_utterances(table.assign(end=[0.35, None, None])).clips]
    np.testing.assert_allclose(ends, [0.35, 0.1 + 0.2, 0.1])


def test_a_start_an_end_and_a_duration_that_disagree_are_an_error_of_the_row(files):
    table = pd.DataFrame({"path": files[:2], "start": 0.1, "end": [0.3, 0.5], "duration": 0.2})
    with pytest.raises(
        AudioError, match=r"start, end and duration disagree \(0.1 s and 0.2 s do not make 0.5 s\)"
    ) as told:
        as_utterances(table)
    assert [row for row, _ in told.value.problems] == [1]
    with pytest.raises(AudioError, match=r"disagree \(0 s and 0.2 s do not make 0.5 s\)"):
        as_utterances(table.drop(columns="start"))


@given(st.floats(0, 1e4), st.floats(0.001, 1e4), st.floats(-1, 1), st.sampled_from([float, str, pd.Timedelta]))
def test_an_end_is_the_start_and_the_duration_whatever_times_are_written_as(start, duration, off, kind):
    def written(seconds):
        return pd.Timedelta(seconds=seconds) if kind is pd.Timedelta else kind(seconds)

    # Earlier releases of pandas count whole microseconds, of both.
    assert end_of(written(start), None, written(duration)) == pytest.approx(start + duration, abs=2.1e-6)
    end = start + duration + off
    if abs(off) < 0.099:
        assert end_of(written(start), written(end), written(duration)) == pytest.approx(end, abs=2.1e-6)
    if abs(off) > 0.101:
        with pytest.raises(ValueError, match="disagree"):
            end_of(written(start), written(end), written(duration))


def test_a_duration_alone_cuts_nothing_and_is_loud_where_the_file_is_longer(files):
    lengths = [soundfile.info(path).duration for path in files[:3]]
    table = pd.DataFrame({"path": files[:3], "duration": lengths})
    assert [clip.end for clip in as_utterances(table).clips] == [None] * 3
    words = r"column duration without a start, so it cuts nothing: X\[1\] lasts .* and its duration is 0.2, and 1 more"
    with pytest.warns(SereWarning, match=words):
        found = as_utterances(table.assign(duration=[lengths[0], 0.2, 0.1]))
    assert [clip.end for clip in found.clips] == [None] * 3
    waves = pd.DataFrame({"audio": [np.ones(8000) / 2], "sampling_rate": 8000, "duration": [0.5]})
    with pytest.warns(SereWarning, match=r"X\[0\] lasts 1.00 s"):
        as_utterances(waves)
    # What is no time, or a file that is not there, is no reason to warn: the latter is an error anyway.
    assert len(as_utterances(table.assign(duration=["short", None, "long"]))) == 3


def test_a_pair_is_resampled_as_a_file_is(tmp_path):
    wave = np.random.default_rng(0).normal(0, 0.1, 22_050).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", wave, 22_050, subtype="FLOAT")
    with open(tmp_path / "a.wav", "rb") as file:
        forms = [(wave, 22_050), (22_050, wave), io.BytesIO(file.read()), file, str(tmp_path / "a.wav")]
        loaded = [clip.load() for clip in as_utterances(forms).clips]
    for samples in loaded[1:]:
        np.testing.assert_array_equal(samples, loaded[0])


def test_cross_validation_slices_pairs_and_files_in_memory_as_it_does_paths(files, source):
    y = source["emotion"].to_numpy()
    waves = [soundfile.read(path) for path in files]
    held = [io.BytesIO(Path(path).read_bytes()) for path in files]
    scores = [
        cross_val_score(make_pipeline(DynamicFeatureTransformer(), DummyClassifier()), X, y, cv=2, error_score="raise")
        for X in (files, waves, held)
    ]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])


def test_frames_of_polars_itself_are_read_computed_or_not(files):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"path": files[:2], "speaker": ["a", "b"], "start": [0.1, 0.2], "duration": [0.2, None]})
    for X in (frame, frame.lazy()):
        found = as_utterances(X)
        assert found.speakers.tolist() == ["a", "b"]
        assert [clip.end for clip in found.clips] == [pytest.approx(0.3), None]
    assert len(as_utterances(frame["path"])) == 2


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("start", "soon", "start must be a number of seconds or a time such as '1:05.5', got 'soon'"),
        ("end", [1], "end must be a number of seconds or a time"),
        pytest.param("start", 10**400, "int too large", id="a start beyond all numbers"),
        ("sampling_rate", "fast", "sampling_rate must be a number of Hz, got 'fast'"),
        ("sampling_rate", 16_000.5, "sampling_rate must be a whole number"),
        ("path", None, "a NoneType is no clip"),
        ("path", "a\0.wav", "holds a NUL character"),
        ("path", "a\ud800.wav", "holds a character that is none"),
        ("path", {"url": "a.wav"}, "a clip's dict must have 'audio', 'array', 'bytes' or 'path'"),
        ("path", ("a.wav", 16_000), "a waveform must hold numbers"),
        ("path", io.StringIO("sound"), "gives no bytes"),
    ],
)
def test_one_unreadable_value_is_an_error_of_its_row_alone(files, column, value, words):
    table = pd.DataFrame({"path": files[:4], "start": 0.0, "end": None, "sampling_rate": 16_000}).astype(object)
    table.at[2, column] = value
    table.at[3, "path"] = "gone.wav"
    with pytest.raises(AudioError, match=words) as caught:
        as_utterances(table, "pool")
    assert [row for row, _ in caught.value.problems] == [2, 3]
    assert str(caught.value).startswith("pool[2]: ")


def test_an_unreadable_folder_is_an_error_of_its_rows(files, monkeypatch):
    def denied(path, *_):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("sere.audio.clips.check_file", denied)
    with pytest.raises(AudioError, match=r"X\[0\]: '.*00.wav' cannot be read \(.*Permission denied"):
        as_utterances(files[:2])


def test_a_name_that_is_not_utf8_is_read(files, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xe4rger.wav")
    Path(path).write_bytes(Path(files[0]).read_bytes())
    transformer = DynamicFeatureTransformer()
    np.testing.assert_array_equal(transformer.fit_transform([path]), transformer.fit_transform(files[:1]))


def test_a_relative_path_is_fixed_where_it_is_read_and_called_as_it_was_given(files, tmp_path, monkeypatch):
    monkeypatch.chdir(Path(files[0]).parent)
    (clip,) = as_utterances([Path("00.wav")]).clips
    (again,) = as_utterances([clip]).clips
    monkeypatch.chdir(tmp_path)
    assert clip.source == again.source == files[0]
    assert clip.name == "'00.wav'"
    assert len(clip.load())
    moved = pickle.loads(pickle.dumps(clip))
    assert (moved.source, moved.name) == (files[0], "'00.wav'")
    with pytest.raises(AudioError, match=r"X\[0\]: no such file: '00.wav'"):
        as_utterances(["00.wav"])


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_a_path_through_a_link_leads_where_the_system_says(tmp_path, monkeypatch):
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "inner")
    (tmp_path / "real" / "a.txt").write_text("right")
    (tmp_path / "a.txt").write_text("wrong")
    monkeypatch.chdir(tmp_path)
    assert Path(fixed("link/../a.txt")).read_text() == "right"


def test_an_open_file_is_a_clip_of_its_whole_content(files):
    with open(files[0], "rb") as file:
        file.read(10)
        place = file.tell()
        clips = [as_clip(file), as_clip(io.BytesIO(Path(files[0]).read_bytes()))]
        assert file.tell() == place
    assert [clip.source for clip in clips] == [Path(files[0]).read_bytes()] * 2


def test_speaker_and_language_travel_in_a_dataframe(target, files):
    table = pd.DataFrame({"path": files[:3], "speaker": ["a", None, np.nan], "language": ["de", "it", None]})
    utterances = as_utterances(table)
    assert utterances.speakers.tolist() == ["a", None, None]
    assert utterances.languages.tolist() == ["de", "it", None]


def test_a_numbered_speaker_keeps_its_name_where_others_are_unknown(files):
    whole = as_utterances(pd.DataFrame({"path": files[:2], "speaker": [3, 4]}))
    holes = as_utterances(pd.DataFrame({"path": files[:2], "speaker": [3, np.nan]}))
    assert whole.speakers.tolist() == ["3", "4"]
    assert holes.speakers.tolist() == ["3", None]


def test_numbers_beside_an_index_of_files_are_features(files):
    index = audformat_table(files[:6]).index
    features = pd.DataFrame(np.random.default_rng(0).normal(size=(6, 3)), index=index, columns=["a", "b", "c"])
    fitted = SEREClassifier(epochs=1).fit(features, ["x", "y"] * 3)
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(TypeError, match=r"all numbers, which are taken for features; pass X.index for the files"):
        as_utterances(features)
    assert len(as_utterances(features.index)) == len(as_utterances(features["a"])) == 6


WRONG = [
    ("one.wav", TypeError, r"one path; pass a list of paths: \['one.wav'\]"),
    (Path("one.wav"), TypeError, "one path"),
    ([], ValueError, "X is empty"),
    (pd.DataFrame({"path": []}), ValueError, "X is empty"),
    (pd.DataFrame({"file": ["a.wav"]}), TypeError, "without a column 'path' or 'audio'.*file"),
    ([3.5, "a.wav"], AudioError, r"X\[0\]: a float is no clip"),
    (["a.wav", None], AudioError, r"X\[1\]: a NoneType is no clip"),
    (["a.wav", np.nan], AudioError, r"X\[1\]: a float is no clip"),
    ([b"a.wav"], AudioError, r"X\[0\]: a bytes is no clip"),
    (io.BytesIO(b"sound"), TypeError, "one open file; pass a list"),
    ((np.zeros(9), 16_000), TypeError, r"one pair of waveform and sampling rate; pass a list of them: \[X\]"),
    ([16_000, np.zeros(9)], TypeError, "one pair of waveform and sampling rate"),
    (pd.DataFrame([["a.wav", "b.wav"]], columns=["path", "path"]), TypeError, "several columns 'path'"),
    (pd.DataFrame([["a.wav", 1, 2]], columns=["path", "start", "start"]), TypeError, "several columns 'start'"),
    ({"a.wav"}, TypeError, "set"),
    (7, TypeError, "must be a list of paths or waveforms, or a DataFrame; got int"),
    (None, TypeError, "got NoneType"),
    (np.array([["a.wav"], ["b.wav"]]), TypeError, r"shape \(2, 1\).*1-D list of paths"),
    (np.array([["a.wav"]], dtype=object), TypeError, r"shape \(1, 1\)"),
    (["a.wav", np.zeros((2, 5))], AudioError, r"X\[0\]: no such file"),
    (pd.DataFrame({"audio": [np.zeros(9)], "sampling_rate": ["fast"]}), AudioError, r"X\[0\]: sampling_rate"),
    (pd.DataFrame({"audio": [np.zeros(9)], "sampling_rate": [-1]}), AudioError, "must be positive"),
]


@pytest.mark.parametrize(("X", "kind", "words"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_is_no_list_of_clips_is_an_error_that_says_what_to_pass(X, kind, words):
    with pytest.raises(kind, match=words):
        SEREClassifier(epochs=1).fit(X, ["a"])
    with pytest.raises(kind, match=words):
        DynamicFeatureTransformer().fit(X)


def test_a_missing_file_is_named_with_its_row_and_nothing_is_extracted(files, monkeypatch):
    monkeypatch.setattr("sere.estimators.classifier.SEREClassifier._embed_audio", None)
    X = [*files[:3], "gone.wav", *files[3:5]]
    with pytest.raises(AudioError, match=r"X\[3\]: no such file: 'gone.wav'"):
        SEREClassifier().fit(X, ["a", "b"] * 3)


@pytest.mark.parametrize(
    ("pools", "name"),
    [
        ({"X_unlabeled_src": (["gone.wav"],)}, r"X_unlabeled_src\[0\]"),
        ({"X_unlabeled_tgt": ["gone.wav"]}, r"X_unlabeled_tgt\[0\]"),
        ({"X_unlabeled_tgt": (["{here}"], ["{here}", "gone.wav"])}, r"X_unlabeled_tgt\[1\]\[1\]"),
        ({"X_unlabeled_src": (["gone.wav"], ["{here}"])}, r"X_unlabeled_src\[0\]\[0\]"),
    ],
)
def test_a_missing_file_of_a_pool_is_named_with_pool_and_row_before_any_extraction(files, monkeypatch, pools, name):
    monkeypatch.setattr("sere.estimators.classifier.SEREClassifier._embed_audio", None)

    def here(pool):
        return [files[0] if path == "{here}" else path for path in pool]

    pools = {k: tuple(map(here, v)) if isinstance(v, tuple) else here(v) for k, v in pools.items()}
    with pytest.raises(AudioError, match=rf"^{name}: no such file"):
        SEREClassifier().fit(files[:4], ["a", "b"] * 2, **pools)


def test_a_folder_is_not_a_clip(tmp_path):
    with pytest.raises(AudioError, match="is a folder; pass its files"):
        as_utterances([str(tmp_path)])


@pytest.mark.parametrize(
    ("pool", "words"),
    [
        ("a.wav", "is one path"),
        (Path("a.wav"), "is one path"),
        (("a.wav", "b.wav"), r"is a tuple of paths.*\(list\(paths\),\)"),
        ((path for path in ["a.wav"]), "is a generator"),
        (3, "is a int"),
    ],
)
def test_what_cannot_be_a_pool_says_what_to_pass(pool, words):
    with pytest.raises(TypeError, match=f"^pool {words}"):
        as_pools(pool, 9, "pool")


def test_a_pool_as_long_as_x_warns_and_a_tuple_of_it_does_not(files):
    with pytest.warns(SereWarning, match=r"as many clips as X \(6\).*1-tuple"):
        SEREClassifier(epochs=0).fit(files[:6], ["a", "b"] * 3, X_unlabeled_tgt=files[6:12])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SEREClassifier(epochs=0).fit(files[:6], ["a", "b"] * 3, X_unlabeled_tgt=(files[6:12],))


def test_a_warning_points_at_the_line_that_called_fit(files):
    with pytest.warns(SereWarning) as caught:
        SEREClassifier(epochs=0).fit(files[:6], ["a", "b"] * 3, files[6:12], [])
    assert [Path(w.filename).name for w in caught] == ["test_inputs_reading.py"] * 2


@pytest.mark.parametrize("empty", [[], ([],), (np.empty((0, 3)),), pd.DataFrame({"path": []})])
def test_an_empty_pool_counts_as_none_with_a_warning(empty):
    X, y = np.random.default_rng(0).normal(size=(6, 3)), [0, 1] * 3
    with pytest.warns(SereWarning, match="X_unlabeled_tgt holds an empty pool"):
        found = SEREClassifier(epochs=1, random_state=0).fit(X, y, X_unlabeled_tgt=empty)
    expected = SEREClassifier(epochs=1, random_state=0).fit(X, y)
    np.testing.assert_array_equal(found.prototypes_, expected.prototypes_)


def test_none_among_pools_is_left_out():
    assert as_pools((None, [1], None), 9, "pool") == [[1]]
    assert as_pools(None, 9, "pool") == as_pools((), 9, "pool") == []


VECTORS = np.random.default_rng(0).normal(size=(6, 5))


def test_a_pool_of_another_width_is_an_error_that_names_the_pool():
    with pytest.raises(ValueError, match=r"^X_unlabeled_tgt\[1\]: X has 4 features.*expecting 5"):
        SEREClassifier(epochs=1).fit(VECTORS, [0, 1] * 3, X_unlabeled_tgt=(VECTORS, VECTORS[:, :4]))


def test_audio_and_feature_vectors_do_not_mix(files):
    with pytest.raises(TypeError, match="X_unlabeled_tgt must be a 2-D array"):
        SEREClassifier(epochs=1).fit(VECTORS, [0, 1] * 3, X_unlabeled_tgt=(files,))
    with pytest.raises(TypeError, match=r"X_unlabeled_tgt must be paths.*list\(array\)"):
        SEREClassifier(epochs=1).fit(files[:4], [0, 1] * 2, X_unlabeled_tgt=VECTORS)
    on_audio = SEREClassifier(epochs=0).fit(files[:4], [0, 1] * 2)
    with pytest.raises(TypeError, match="fitted on audio; X must be paths"):
        on_audio.predict(VECTORS)
    on_vectors = SEREClassifier(epochs=0).fit(VECTORS, [0, 1] * 3)
    with pytest.raises(TypeError, match="fitted on feature vectors; X must be a 2-D array"):
        on_vectors.predict(files)


def test_waveforms_in_a_2d_array_are_told_from_features_by_their_width():
    with pytest.raises(ValueError, match=r"2001 columns.*list\(X\)"):
        SEREClassifier(epochs=1).fit(np.zeros((4, 2001)), [0, 1] * 2)


LABELS = [
    ([], ValueError, "inconsistent|0 sample"),
    (None, ValueError, "requires y"),
    (["a", "b", "a", "b", "a"], ValueError, "inconsistent numbers of samples"),
    (["a"] * 4, ValueError, "at least 2 classes; y has one class, 'a'"),
    (["a", "b", None, "b"], ValueError, r"y\[2\] is None"),
    ([None, "b", "a", "b"], ValueError, r"y\[0\] is None"),
    ([0, 1, np.nan, 1], ValueError, r"y\[2\] is nan"),
    (pd.Series(["a", "b", np.nan, "b"]), ValueError, r"y\[2\] is nan"),
    ([0.1, 0.2, 0.3, 0.4], ValueError, "continuous"),
    ([["a", "b"]] * 4, ValueError, "1d|shape"),
]


@pytest.mark.parametrize(("y", "kind", "words"), LABELS, ids=[str(i) for i in range(len(LABELS))])
def test_labels_that_cannot_be_used_are_an_error_before_any_extraction(files, monkeypatch, y, kind, words):
    monkeypatch.setattr("sere.estimators.classifier.SEREClassifier._embed_audio", None)
    with pytest.raises(kind, match=words):
        SEREClassifier().fit(files[:4], y)
