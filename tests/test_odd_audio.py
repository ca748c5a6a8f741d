"""Odd files at every way in: sound or one clear error that names the file, never anything else.

All of them are read here. The ways in that track pitch and train meet one file of each kind, and all of them in ``nox
-s odd``, which sets SERE_ODD_AUDIO.
"""

import csv
import os
import warnings
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from odd_audio import RATE, make, voice

from sere import DynamicFeatureTransformer, HeterogeneousEncoder, SEREClassifier, pretrain_encoder, save
from sere.audio import AudioError
from sere.cli import main
from sere.datasets import load_corpus
from sere.inputs.reading import as_utterances

EMOTIONS = ("anger", "sadness")
pytestmark = pytest.mark.filterwarnings("ignore::sere.SereWarning")


@pytest.fixture(scope="module")
def odds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    yield make(folder)
    for path in folder.rglob("*.wav"):  # so that whoever removes the folder may
        if path.is_file():
            path.chmod(0o600)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Six good files: three of each emotion."""
    folder = tmp_path_factory.mktemp("good")
    paths = [str(folder / f"good{row}.wav") for row in range(6)]
    for row, path in enumerate(paths):
        soundfile.write(path, voice(0.3 + 0.02 * row), RATE)
    return paths


@pytest.fixture(scope="module")
def model(good, tmp_path_factory):
    """A fitted classifier and the file it is saved in."""
    fitted = SEREClassifier(encoder="acoustic", epochs=1, random_state=0).fit(good, EMOTIONS * 3)
    place = str(tmp_path_factory.mktemp("model") / "model.sere")
    save(fitted, place)
    return fitted, place


def finite(arrays):
    assert all(np.isfinite(array).all() for array in arrays), "numbers that are none"


def named_in(odd, text):
    assert odd.number in text, f"{odd.about}: an error that does not name the file: {text}"


def through(odd, use):
    """Run one way in, which must take sound and name what is none."""
    refused = ""
    try:
        use(odd.path)
    except AudioError as error:
        refused = str(error)
    if refused:
        named_in(odd, refused)
    assert not refused or odd.readable is not True, f"{odd.about}: good sound is refused: {refused}"
    assert refused or odd.readable is not False, f"{odd.about}: no sound, and nobody minds"


def test_there_are_many_and_they_are_always_the_same(odds, tmp_path):
    assert len(odds) >= 400
    assert len({odd.kind for odd in odds}) == 12
    again = make(tmp_path)
    assert [odd.about for odd in again] == [odd.about for odd in odds]
    for one, other in zip(odds[::29], again[::29], strict=True):
        content = Path(one.path).read_bytes() if os.path.isfile(one.path) else b""
        if content and not content.startswith(b"OggS"):  # whose serial numbers are drawn
            assert Path(other.path).read_bytes() == content, one.about


def test_every_file_is_read_or_named(odds):
    failures = []
    for odd in odds:
        try:
            through(odd, lambda path: finite([as_utterances([path]).clips[0].load()]))
        except Exception as error:
            failures.append(f"{odd.kind} {odd.number}, {odd.about}: {type(error).__name__}: {error}"[:300])
    assert not failures, f"{len(failures)} of {len(odds)}:\n" + "\n".join(failures)


def test_all_that_is_wrong_is_said_at_once_with_its_rows(odds):
    bad = [row for row, odd in enumerate(odds) if odd.readable is False and odd.kind == "no files"]
    with pytest.raises(AudioError) as found:
        as_utterances([odd.path for odd in odds])
    said = dict(found.value.problems)
    assert set(bad) <= set(said)
    for row, text in said.items():
        named_in(odds[row], text)
        assert odds[row].readable is not True


def test_a_file_that_vanishes_while_it_is_waited_for_is_named(good, tmp_path):
    for use in (
        DynamicFeatureTransformer(cache=tmp_path / "a"),
        HeterogeneousEncoder("acoustic", cache=tmp_path / "b"),
    ):
        path = tmp_path / "vanishing.wav"
        path.write_bytes(Path(good[0]).read_bytes())
        clips = as_utterances([*good, str(path)])
        path.unlink()
        with pytest.raises(AudioError, match=r"X\[6\].*vanishing"):
            use.fit_transform(clips)


# Each way in takes a path, good files, a fitted model and its file, and a folder; an AudioError goes through.


def tracks(path, good, model, folder):
    finite(DynamicFeatureTransformer(cache=False).fit_transform([path]).dynamics)


def frames(path, good, model, folder):
    finite(HeterogeneousEncoder("acoustic", cache=False).fit_transform([path]).frames)


def predicted(path, good, model, folder):
    finite(model[0].predict_proba([path]))


def fitted(X, y, *pools):
    classifier = SEREClassifier(encoder="acoustic", epochs=1, random_state=0).fit(X, y, *pools)
    finite([classifier.prototypes_])


def labeled(path, good, model, folder):
    fitted([path, *good], ["sadness", *EMOTIONS * 3])


def source_pool(path, good, model, folder):
    fitted(good[:2], EMOTIONS, ([path, *good[2:]],))


def target_pool(path, good, model, folder):
    fitted(good[:2], EMOTIONS, None, ([path, *good[2:]],))


def pretrained(path, good, model, folder):
    # pandas' own type for texts holds no names of files that are not UTF-8.
    table = pd.DataFrame({"path": pd.Series([path, *good], dtype=object), "emotion": ["sadness", *EMOTIONS * 3]})
    found = pretrain_encoder([table], random_state=0).experience
    finite([found.evidence_weights, found.examples])


IN_PYTHON = {use.__name__: use for use in (tracks, frames, predicted, labeled, source_pool, target_pool, pretrained)}


def listed(path, good, folder):
    """Return a list of the file and the good ones, with emotions."""
    place = folder / "clips.csv"
    with open(place, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        csv.writer(file).writerows([("path", "emotion"), (path, "sadness"), *zip(good, EMOTIONS * 3)])
    return str(place)


def command(odd, *arguments):
    """Run a command as the terminal does; returns its exit code and what it wrote."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*map(str, arguments)])
    assert "Traceback" not in err.getvalue()
    if code:
        named_in(odd, err.getvalue())
    assert (code == 0) or odd.readable is not True, f"{odd.about}: good sound is refused: {err.getvalue()}"
    assert (code != 0) or odd.readable is not False, f"{odd.about}: no sound, and nobody minds"
    assert "nan" not in out.getvalue().replace(odd.path, "").lower().split()
    return code, out.getvalue()


def sere_predict(odd, good, model, folder):
    code, out = command(odd, "predict", "-q", "-f", "csv", model[1], "--", *good[:1], odd.path)
    assert "good0" in out or os.path.isdir(odd.path), "the good clip is predicted all the same"
    assert code in (0, 1) or os.path.isdir(odd.path)


def sere_predict_a_list(odd, good, model, folder):
    code, out = command(odd, "predict", "-q", "-f", "json", model[1], listed(odd.path, good, folder))
    assert "good0" in out
    assert code in (0, 1)


def sere_fit(odd, good, model, folder):
    labels = folder / "few.csv"
    pd.DataFrame({"path": good[:4], "emotion": EMOTIONS * 2}).to_csv(labels, index=False)
    out = folder / f"{odd.number}.sere"
    arguments = ("--encoder", "acoustic", "--epochs", 1, "--target", listed(odd.path, good, folder), "--out", out)
    code, _ = command(odd, "fit", "-q", "--labels", labels, *arguments)
    assert out.exists() is (code == 0), "a model is left behind exactly where one was fitted"


def sere_evaluate(odd, good, model, folder):
    code, _ = command(odd, "evaluate", "-q", model[1], "--corpus", listed(odd.path, good, folder))
    assert code in (0, 1)


IN_A_TERMINAL = {use.__name__: use for use in (sere_predict, sere_predict_a_list, sere_fit, sere_evaluate)}


def chosen(odds):
    """Return one file of each kind and expectation; all where the whole product was asked for."""
    if os.environ.get("SERE_ODD_AUDIO"):
        return odds
    first = {}
    for odd in odds:
        first.setdefault((odd.kind, odd.readable), odd)
    return [odd for (kind, readable), odd in first.items() if readable is not None or kind == "values"]


def each(odds, use):
    """Use every chosen file; all failures are one."""
    failures = []
    for odd in chosen(odds):
        try:
            use(odd)
        except Exception as error:
            failures.append(f"{odd.kind} {odd.number}, {odd.about}: {type(error).__name__}: {error}"[:300])
    assert not failures, f"{len(failures)} of {len(chosen(odds))}:\n" + "\n".join(failures)


@pytest.mark.parametrize("way", IN_PYTHON)
def test_a_way_in_from_python_takes_sound_and_names_the_rest(way, odds, good, model, tmp_path):
    each(odds, lambda odd: through(odd, lambda path: IN_PYTHON[way](path, good, model, tmp_path)))


@pytest.mark.parametrize("way", IN_A_TERMINAL)
def test_a_command_takes_sound_and_names_the_rest(way, odds, good, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    each(odds, lambda odd: IN_A_TERMINAL[way](odd, good, model, tmp_path))


def test_a_list_of_odd_files_is_a_corpus_or_an_error_that_can_be_acted_on(odds, good, tmp_path):
    def load(odd):
        wrong, corpus = "", None
        try:
            corpus = load_corpus(listed(odd.path, good, tmp_path))
        except (ValueError, FileNotFoundError) as error:
            wrong = str(error)
        if corpus is None:
            assert "clips.csv" in wrong or odd.number in wrong
        else:
            assert len(corpus) == 7
            assert corpus["path"][0].endswith(os.path.basename(odd.path))

    each(odds, load)


def test_a_folder_of_odd_files_is_walked_to_its_end(odds, tmp_path):
    for emotion in EMOTIONS:
        (tmp_path / emotion).mkdir()
    for row, odd in enumerate(odd for odd in odds if os.path.isfile(odd.path)):
        os.symlink(odd.path, tmp_path / EMOTIONS[row % 2] / os.path.basename(odd.path))
    os.symlink(tmp_path, tmp_path / EMOTIONS[0] / "again")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # files that no folder of clips should hold
        corpus = load_corpus(tmp_path, "folders")
    assert set(corpus["emotion"]) == {*EMOTIONS}
    assert len({os.path.basename(path) for path in corpus["path"]}) == len(corpus), (
        "a link that leads back is followed once"
    )
