"""The pictures show the numbers they were given, and nothing of them is cut off."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from sere import DynamicFeatureTransformer, ResonanceField, SEREClassifier
from sere.metrics import recall_intervals, uar_score
from sere.plotting import (
    BenchmarkDisplay,
    ConfusionDisplay,
    DynamicsDisplay,
    EmbeddingDisplay,
    HistoryDisplay,
    ReliabilityDisplay,
    ResonanceDisplay,
    TimelineDisplay,
)
from sere.plotting._clips import one_clip
from sere.plotting._display import OKABE_ITO, looks

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
plt = pytest.importorskip("matplotlib.pyplot")
to_hex = matplotlib.colors.to_hex

EMOTIONS = ["anger", "fear", "sadness"]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def ticks(labels):
    return [label.get_text() for label in labels]


def legend(ax):
    return ticks(ax.get_legend().get_texts())


def named(ax, label):
    """Return the lines of an Axes by their label."""
    return [line for line in ax.lines if line.get_label() == label]


# Confusion


def test_confusion_rows_are_percent_of_the_emotions_clips():
    display = ConfusionDisplay.from_predictions(
        ["anger", "anger", "anger", "anger", "fear"],
        ["anger", "anger", "anger", "fear", "elsewhere"],
        labels=EMOTIONS,
    )
    matrix = display.axes_["matrix"]
    shown = np.array(ticks(matrix.texts)).reshape(3, 3)
    assert shown.tolist() == [["75", "25", "0"], ["0", "0", "0"], ["0", "0", "0"]]
    assert ticks(matrix.get_yticklabels()) == ["anger (4)", "fear (1)", "sadness (0)"]
    np.testing.assert_allclose(matrix.images[0].get_array()[0], [0.75, 0.25, 0])
    assert display.uar == 0.375


def test_confusion_draws_each_recall_with_its_interval_over_speakers():
    rng = np.random.default_rng(0)
    true, pred = rng.choice(EMOTIONS, 90), rng.choice(EMOTIONS, 90)
    speakers = np.repeat(np.arange(9), 10)
    display = ConfusionDisplay.from_predictions(true, pred, speakers=speakers)
    expected = recall_intervals(true, pred, speakers=speakers)
    beside = display.axes_["recall"]
    (dots,) = [line for line in beside.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots.get_xdata(), 100 * expected["recall"])
    np.testing.assert_allclose(dots.get_ydata(), [0, 1, 2])
    ends = np.array([segment[:, 0] for segment in beside.collections[0].get_segments()])
    np.testing.assert_allclose(ends, 100 * expected[["low", "high"]])
    assert display.uar == pytest.approx(uar_score(true, pred))


def test_confusion_takes_integer_labels_an_axes_and_an_estimator():
    class Says:
        def predict(self, X):
            return np.asarray(X) % 2

    figure, ax = plt.subplots(layout="constrained")
    display = ConfusionDisplay.from_estimator(Says(), [0, 1, 2, 3], [0, 1, 1, 1], ax=ax)
    assert display.ax_ is display.axes_["matrix"]
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert display.confusion.tolist() == [[1, 0], [1, 2]]


# Reliability


def test_reliability_puts_answers_into_tenths_and_shows_the_risk_of_the_surest():
    likely = np.array([[0.95, 0.05], [0.92, 0.08], [0.35, 0.65], [0.55, 0.45]])
    true = ["anger", "fear", "fear", "fear"]
    display = ReliabilityDisplay.from_predictions(true, likely, labels=["anger", "fear"])
    points = display.axes_["reliability"].collections[0].get_offsets()
    np.testing.assert_allclose(points, [[55, 0], [65, 100], [93.5, 50]])
    assert display.bins["clips"].tolist() == [1, 1, 2]
    curve = display.axes_["risk"].lines[0]
    np.testing.assert_allclose(curve.get_xdata(), [25, 50, 75, 100])
    np.testing.assert_allclose(curve.get_ydata(), [0, 50, 100 / 3, 50])
    expected = (0.55 + 0.35 + 2 * 0.435) / 4
    assert display.error == pytest.approx(expected)
    assert ticks(display.axes_["reliability"].texts) == [f"ECE {100 * expected:.0f} %"]


def test_reliability_takes_an_estimator_and_refuses_what_are_no_probabilities():
    class Says:
        classes_ = np.array([0, 1])

        def predict_proba(self, X):
            return np.stack([1 - np.asarray(X), np.asarray(X)], axis=1)

    display = ReliabilityDisplay.from_estimator(Says(), [0.1, 0.8], [0, 0])
    assert display.risk["risk"].tolist() == [0.0, 0.5]
    with pytest.raises(ValueError, match="probabilities"):
        ReliabilityDisplay.from_predictions([0, 1], np.ones((2, 3)), labels=[0, 1])


# History


@pytest.mark.parametrize("as_series", [False, True])
def test_history_draws_losses_and_scores_apart_and_scores_from_0_to_1(as_series):
    history = [
        {"epoch": i, "loss": 3.0 - i, "shots": 2.0, "target_quality": 0.4 + i / 50, "tau": 1.0, "assigned": np.ones(2)}
        for i in range(3)
    ]
    if as_series:
        history = {name: [epoch[name] for epoch in history] for name in history[0]}
    display = HistoryDisplay(history).plot()
    losses, scores = display.axes_["losses"], display.axes_["scores"]
    assert {line.get_label(): list(line.get_ydata()) for line in losses.lines} == {
        "loss": [3.0, 2.0, 1.0],
        "shots": [2.0] * 3,
    }
    np.testing.assert_allclose(scores.lines[0].get_ydata(), [0.4, 0.42, 0.44])
    assert scores.get_ylim() == (0, 1)
    assert set(legend(scores)) == {"loss", "shots", "target_quality"}


def test_history_draws_what_is_asked_and_says_what_there_is():
    display = HistoryDisplay([{"loss": 1.0, "quality": None}, {"loss": 0.5, "quality": 0.2}])
    display.plot(names=["quality"])
    assert list(display.axes_) == ["scores"]
    np.testing.assert_array_equal(display.axes_["scores"].lines[0].get_ydata(), [np.nan, 0.2])
    with pytest.raises(ValueError, match=r"\['accuracy'\].*loss"):
        display.plot(names=["accuracy"])
    with pytest.raises(ValueError, match="no epoch"):
        HistoryDisplay([]).plot()


def test_history_of_a_fitted_classifier(model):
    display = HistoryDisplay.from_estimator(model, names=["loss"])
    expected = [epoch["loss"] for epoch in model.history_]
    np.testing.assert_allclose(display.axes_["losses"].lines[0].get_ydata(), expected)


def test_a_single_epoch_is_a_dot():
    display = HistoryDisplay([{"loss": 1.0}]).plot()
    assert display.axes_["losses"].lines[0].get_marker() == "o"


# Embedding


@pytest.mark.parametrize("method", ["tsne", "pca"])
@pytest.mark.parametrize("width", [1, 2, 8])
def test_embedding_draws_each_clip_once_and_a_star_an_emotion(method, width):
    rng = np.random.default_rng(0)
    y = np.repeat(EMOTIONS, 10)
    clips, stars = rng.standard_normal((30, width)), rng.standard_normal((3, width))
    display = EmbeddingDisplay.from_embedding(clips, y, stars, EMOTIONS, method=method)
    ax = display.axes_["map"]
    assert legend(ax) == [*EMOTIONS, "prototype"]
    for k, emotion in enumerate(EMOTIONS):
        own = named(ax, f"_{emotion}")
        assert sum(len(line.get_xdata()) for line in own) == 10
        (star,) = named(ax, f"_prototype of {emotion}")
        np.testing.assert_allclose(star.get_xydata(), display.prototypes[[k]])
        assert star.get_color() == own[0].get_color()
    assert ax.get_xlabel() == {"tsne": "t-SNE", "pca": "PCA"}[method]


def test_embedding_draws_misassigned_clips_hollow():
    places = np.arange(8.0).reshape(4, 2)
    labels, assigned = ["anger", "anger", "fear", "fear"], ["anger", "fear", "fear", "fear"]
    ax = EmbeddingDisplay(places, labels, assigned=assigned).plot().axes_["map"]
    full, hollow = named(ax, "_anger")
    assert full.get_xydata().tolist() == [[0, 1]]
    assert hollow.get_xydata().tolist() == [[2, 3]]
    assert hollow.get_markerfacecolor() == "none"
    assert "misassigned" in legend(ax)


def test_embedding_of_a_fitted_classifier(model, target):
    display = EmbeddingDisplay.from_estimator(model, target, target["emotion"], method="pca")
    said = model.predict(target)
    assert display.labels.tolist() == list(target["emotion"])
    assert display.assigned.tolist() == list(said)
    assert len(display.prototypes) == len(model.classes_)
    unknown = EmbeddingDisplay.from_estimator(model, target, method="pca")
    assert unknown.labels.tolist() == list(said)
    np.testing.assert_allclose(unknown.places, display.places)


def test_embedding_by_pca_keeps_the_two_widest_directions():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((40, 5)) * [10, 5, 0.1, 0.1, 0.1]
    places = EmbeddingDisplay.from_embedding(points, ["x"] * 40, method="pca").places
    assert abs(np.corrcoef(places[:, 0], points[:, 0])[0, 1]) > 0.99
    assert abs(np.corrcoef(places[:, 1], points[:, 1])[0, 1]) > 0.95


def test_embedding_draws_a_selection_of_very_many_clips():
    rng = np.random.default_rng(0)
    display = EmbeddingDisplay.from_embedding(rng.standard_normal((4000, 3)), rng.choice(EMOTIONS, 4000), method="pca")
    assert sum(len(line.get_xdata()) for line in display.axes_["map"].lines) == 1500


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": ["anger"]}, "length 1"),
        ({"prototypes": np.zeros((3, 5)), "classes": EMOTIONS}, "do not fit"),
        ({"prototypes": np.zeros((2, 4)), "classes": EMOTIONS}, "do not fit"),
        ({"method": "umap"}, "'tsne' or 'pca'"),
    ],
)
def test_embedding_says_what_does_not_fit(change, message):
    arguments = {"embedding": np.zeros((6, 4)), "y": EMOTIONS * 2} | change
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay.from_embedding(**arguments)


# Resonance


def test_resonance_shows_the_field_its_partners_and_its_score():
    rng = np.random.default_rng(0)
    query, key = rng.standard_normal((7, 4)), rng.standard_normal((9, 4))
    burst_q, burst_k = rng.random(7), rng.random(9)
    display = ResonanceDisplay.from_frames(query, key, burst_q, burst_k, tau=0.5, names=("a", "b"))
    expected = np.empty((7, 9))
    for i in range(7):
        for j in range(9):
            cosine = query[i] @ key[j] / np.linalg.norm(query[i]) / np.linalg.norm(key[j])
            expected[i, j] = (1 + cosine) / 2 * np.exp(-abs(burst_q[i] - burst_k[j]) / 0.5)
    field = display.axes_["field"]
    np.testing.assert_allclose(field.images[0].get_array(), expected)
    np.testing.assert_allclose(field.lines[0].get_xdata(), (expected.argmax(axis=1) + 0.5) * 0.02)
    assert f"{expected.max(axis=1).mean():.3f}" in field.get_title(loc="right")
    np.testing.assert_array_equal(display.axes_["query"].lines[0].get_xdata(), burst_q)
    np.testing.assert_array_equal(display.axes_["key"].lines[0].get_ydata(), burst_k)
    assert display.axes_["key"].get_xlabel() == "b (s)"


def test_only_highlights_look_for_partners():
    field = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.4], [0.5, 0.6]])
    display = ResonanceDisplay(field, [0.1, 0.9, 0.2, 0.8], [0.0, 1.0], highlight_share=0.5)
    assert display.matches.tolist() == [[1, 0], [3, 1]]
    assert display.score == pytest.approx((0.8 + 0.6) / 2)


def test_resonance_of_a_fitted_classifier_has_the_classifiers_score(model, target, shots):
    for row in (0, 4):
        display = ResonanceDisplay.from_estimator(model, target[3:4], row)
        assert display.score == pytest.approx(model.resonance(target[3:4])[0, row], abs=1e-5)
        plt.close("all")
    assert display.axes_["query"].get_ylabel() == "labeled clip 4 (s)"
    # A labeled clip is the same whether it is named by its row or given again.
    again = ResonanceDisplay.from_estimator(model, target.iloc[3], shots.iloc[4])
    np.testing.assert_allclose(again.field, display.field, atol=1e-5)


def test_resonance_of_a_classifier_with_a_field_of_its_own(shots, source, target):
    field = ResonanceField(form="sum", gap="gaussian", highlight_share=0.5, symmetric=True, frame_rate=25)
    clf = SEREClassifier(field=field, epochs=1, random_state=0).fit(shots, shots["emotion"], (source,), (target,))
    display = ResonanceDisplay.from_estimator(clf, target[:1], 1)
    assert display.score == pytest.approx(clf.resonance(target[:1])[0, 1], abs=1e-5)
    assert display.seconds_per_frame == 0.04


def test_resonance_says_what_does_not_fit(model, target):
    with pytest.raises(ValueError, match="key"):
        ResonanceDisplay.from_frames(np.zeros((3, 2)), np.zeros((4, 2)), np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="does not fit"):
        ResonanceDisplay(np.zeros((2, 3)), [0.0, 0.0], [0.0, 0.0])
    with pytest.raises(IndexError, match="6 labeled clips"):
        ResonanceDisplay.from_estimator(model, target[:1], 6)
    with pytest.raises(ValueError, match="one clip, and 2"):
        ResonanceDisplay.from_estimator(model, target[:2], 0)


def test_a_classifier_must_be_fitted(target):
    for draw in (DynamicsDisplay.from_estimator, lambda *args: ResonanceDisplay.from_estimator(*args, 0)):
        with pytest.raises(NotFittedError, match="SEREClassifier"):
            draw(SEREClassifier(), target[:1])


def test_feature_vectors_have_no_moments():
    X = np.random.default_rng(0).normal(size=(10, 4))
    clf = SEREClassifier(epochs=1, random_state=0).fit(X, [0, 1] * 5)
    with pytest.raises(ValueError, match="feature vectors"):
        ResonanceDisplay.from_estimator(clf, X[:1], 0)


# Dynamics


def test_dynamics_shows_the_transformers_changes_and_their_mean_size(target):
    transformer = DynamicFeatureTransformer()
    display = DynamicsDisplay.from_estimator(transformer, target.iloc[2], highlight_share=0.2)
    expected = transformer.fit_transform(target[2:3]).dynamics[0]
    for k, name in enumerate(("pitch", "loudness", "timbre", "brightness")):
        curve = display.axes_[name].lines[-1]
        np.testing.assert_allclose(curve.get_ydata(), expected[:, k])
        np.testing.assert_allclose(curve.get_xdata(), 0.02 * np.arange(len(expected)))
    intensity = np.abs(expected).mean(axis=1)
    curve, dots = display.axes_["intensity"].lines
    np.testing.assert_allclose(curve.get_ydata(), intensity)
    strongest = np.sort(np.argsort(-intensity, kind="stable")[: int(np.ceil(0.2 * len(intensity)))])
    np.testing.assert_allclose(dots.get_xdata(), 0.02 * strongest)
    assert len(display.axes_["waveform"].patches) == len(strongest)


def test_dynamics_of_a_classifier_shows_the_moments_it_looks_at(model, target):
    display = DynamicsDisplay.from_estimator(model, target[2:3])
    (moments,) = model.moments(target[2:3])
    curve = display.axes_["intensity"].lines[0]
    np.testing.assert_allclose(curve.get_ydata(), moments.intensity)
    np.testing.assert_allclose(curve.get_xdata(), moments.seconds)
    assert np.all(np.diff(moments.seconds) > 0)


def test_the_drawn_waveform_reaches_every_peak():
    wave = np.random.default_rng(0).normal(size=10_001)
    display = DynamicsDisplay(wave, np.zeros((32, 4)), np.zeros(32)).plot()
    corners = display.axes_["waveform"].collections[0].get_paths()[0].vertices
    assert corners[:, 1].max() == wave.max()
    assert corners[:, 1].min() == wave.min()


def test_dynamics_says_what_does_not_fit():
    with pytest.raises(ValueError, match=r"\(n_frames, 4\)"):
        DynamicsDisplay(np.zeros(320), np.zeros((1, 3)), [0.0])
    with pytest.raises(ValueError, match="2 intensities have 1"):
        DynamicsDisplay(np.zeros(320), np.zeros((2, 4)), [0.0, 1.0], [0.0])


def test_one_clip_is_taken_in_every_form(target):
    wave = target["audio"].iloc[0]
    assert one_clip("a.wav") == ["a.wav"]
    assert one_clip(wave)[0] is wave
    row = one_clip(target.iloc[0])
    assert row["speaker"].tolist() == [target["speaker"].iloc[0]]
    assert one_clip(target[:1]) is not None


# Benchmarks


@pytest.fixture
def rows():
    kind = {"shots": 5, "protocol": "transductive", "speakers": "known", "chance": 0.2}
    found = []
    for shift in ("none", "quiet"):
        for method, uar in (("lr", 0.4), ("sere", 0.6), ("a:much=1:longer=2:names=3", 0.5)):
            own = kind | {"shift": shift, "method": method}
            compared = {"difference": uar - 0.4}
            compared |= {"difference_low_tasks": uar - 0.5, "difference_high_tasks": uar - 0.3}
            compared = {} if method == "lr" else compared
            found.append(own | {"task": "all", "uar": uar, "low": uar - 0.1, "high": uar + 0.1} | compared)
            found += [own | {"task": task, "uar": uar + by} | compared for task, by in (("a-b", 0.1), ("b-a", -0.1))]
    return found


def test_a_benchmark_has_its_best_method_on_top_with_interval_and_tasks(rows):
    display = BenchmarkDisplay(rows[:9], "lr").plot()
    assert display.methods == ["sere", "a:much=1:longer=2:names=3", "lr"]
    ax = display.axes_["scores"]
    assert ticks(ax.get_yticklabels()) == ["sere", "a:much=1:longer=2\n:names=3", "lr"]
    places = ax.get_yticks()
    np.testing.assert_allclose(places, [0.5, 1.75, 3.0])  # a name of two lines has room for them
    for row, method in enumerate(display.methods):
        (dot,) = named(ax, f"_{method}")
        own = display.rows[[r["method"] for r in display.rows].index(method)]
        np.testing.assert_allclose(dot.get_xydata(), [[100 * own["uar"], places[row]]])
        (segment,) = ax.collections[row].get_segments()
        np.testing.assert_allclose(segment, [[100 * own["low"], places[row]], [100 * own["high"], places[row]]])
        tasks = named(ax, "_tasks")[row]
        np.testing.assert_allclose(tasks.get_xdata(), [100 * own["uar"] + 10, 100 * own["uar"] - 10])
    (chance,) = named(ax, "chance")
    assert chance.get_xdata()[0] == 20
    assert "baseline" in legend(ax)


def test_a_benchmark_shows_differences_to_its_baseline(rows):
    ax = BenchmarkDisplay(rows[:9], "lr").plot(difference=True).axes_["scores"]
    assert ticks(ax.get_yticklabels()) == ["sere", "a:much=1:longer=2\n:names=3"]
    (segment,) = ax.collections[0].get_segments()
    np.testing.assert_allclose(segment[:, 0], [10, 30])
    with pytest.raises(ValueError, match="baseline"):
        BenchmarkDisplay([row for row in rows[:9] if row["method"] == "lr"]).plot(difference=True)


def test_benchmarks_are_read_from_their_folder(rows, tmp_path):
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"rows": rows}))
    for place in (tmp_path, file):
        assert BenchmarkDisplay.from_results(place).baseline == "lr"  # the one that is compared with nothing
    assert BenchmarkDisplay.from_results(tmp_path, shift="quiet").kind == (5, "quiet", "transductive", "known")
    file.write_text(json.dumps({"rows": rows, "baseline": "sere"}))
    assert BenchmarkDisplay.from_results(file).baseline == "sere"
    with pytest.raises(ValueError, match="5 shots an emotion"):
        BenchmarkDisplay.from_results(file, shots=1)
    with pytest.raises(ValueError, match="2: 5 shots"):
        BenchmarkDisplay(rows)
    with pytest.raises(FileNotFoundError):
        BenchmarkDisplay.from_results(tmp_path / "elsewhere")


def test_a_method_without_an_interval_is_a_dot(rows):
    few = [row | {"low": None, "high": None} for row in rows[:9]]
    ax = BenchmarkDisplay(few).plot().axes_["scores"]
    np.testing.assert_allclose(named(ax, "_sere")[0].get_xdata(), [60])


# Timelines


@pytest.mark.parametrize("prefix", ["", "p_"])
def test_a_timeline_shows_labels_and_probabilities_where_they_are(prefix):
    table = pd.DataFrame({"start": [3.0, 0.0], "end": [4.0, 2.0], "emotion": ["fear", "anger"], "clip": ["b", "a"]})
    table["probability"] = [0.8, 0.9]
    table[f"{prefix}anger"], table[f"{prefix}fear"] = [0.2, 0.9], [0.8, 0.1]
    display = TimelineDisplay.from_predictions(table)
    assert display.emotions == ["anger", "fear"]
    spans = [path.get_extents().intervalx for bars in display.axes_["emotion"].collections for path in bars.get_paths()]
    np.testing.assert_allclose(spans, [[0, 2], [3, 4]])
    bars = [
        (bar.get_x(), bar.get_width(), bar.get_y(), bar.get_height()) for bar in display.axes_["probability"].patches
    ]
    np.testing.assert_allclose(bars, [(0, 2, 0, 0.9), (3, 1, 0, 0.2), (0, 2, 0.9, 0.1), (3, 1, 0.2, 0.8)])
    colours = [to_hex(bars.get_facecolor()[0]).upper() for bars in display.axes_["emotion"].collections]
    assert colours == [looks(["anger"])["anger"][0], looks(["fear"])["fear"][0]]


def test_a_timeline_is_drawn_from_a_fitted_model(model, target):
    recording = np.concatenate(list(target["audio"]))
    display = TimelineDisplay.from_estimator(model, recording, window=1.0, overlap=0.5, detector=None)
    assert set(display.emotions) == set(model.classes_)
    pd.testing.assert_frame_equal(
        display.table, model.timeline(recording, window=1.0, overlap=0.5, detector=None), check_exact=True
    )
    assert list(display.axes_) == ["emotion", "probability"]


def test_a_long_timeline_counts_in_minutes_and_gaps_stay_white():
    table = pd.DataFrame(
        {"start": [0, 600], "end": [60, 1200], "emotion": ["anger", None], "probability": [1.0, np.nan]}
    )
    display = TimelineDisplay(table).plot()
    assert list(display.axes_) == ["emotion"]
    band = display.axes_["emotion"]
    assert band.get_xlabel() == "time (min)"
    assert band.get_xlim() == (0, 20)
    assert len(band.collections) == 1


def test_a_timeline_says_what_it_lacks():
    with pytest.raises(ValueError, match="'end'"):
        TimelineDisplay(pd.DataFrame({"start": [0], "emotion": ["anger"]}))
    with pytest.raises(ValueError, match="any row"):
        TimelineDisplay(pd.DataFrame({"start": [], "end": [], "emotion": []}))


# All of them


def all_displays(rows):
    rng = np.random.default_rng(0)
    long = [f"an emotion of many words {i}" for i in range(3)]
    y = np.repeat(long, 4)
    table = pd.DataFrame({"start": range(12), "end": range(1, 13), "emotion": y})
    return {
        "confusion": ConfusionDisplay(np.eye(3, dtype=int) * 4, recall_intervals(y, y)),
        "reliability": ReliabilityDisplay.from_predictions(y, rng.dirichlet(np.ones(3), 12), labels=long),
        "history": HistoryDisplay([{"loss": 1.0, "target_quality": 0.5}, {"loss": 0.5, "target_quality": 0.5}]),
        "embedding": EmbeddingDisplay(rng.normal(size=(12, 2)), y, rng.normal(size=(3, 2)), long, name="t-SNE"),
        "resonance": ResonanceDisplay(rng.random((8, 9)), rng.random(8), rng.random(9), ("a clip of a man", "another")),
        "dynamics": DynamicsDisplay(rng.normal(size=3200), rng.normal(size=(10, 4)), rng.random(10)),
        "benchmark": BenchmarkDisplay(rows[:9], "lr"),
        "timeline": TimelineDisplay(table),
    }


NAMES = ["confusion", "reliability", "history", "embedding", "resonance", "dynamics", "benchmark", "timeline"]


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_of_its_own_is_a_column_wide_with_text_of_8_points_and_cuts_nothing_off(rows, name):
    figure = all_displays(rows)[name].plot().figure_
    assert figure.get_figwidth() == pytest.approx(85 / 25.4)
    figure.canvas.draw()
    # Texts that belong to no visible tick are not drawn; what is, lies within the page.
    page, needed = figure.bbox, figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert needed.x0 >= page.x0 - 1
    assert needed.y0 >= page.y0 - 1
    assert needed.x1 <= page.x1 + 1
    assert needed.y1 <= page.y1 + 1
    shown = [text for text in figure.findobj(matplotlib.text.Text) if text.get_visible() and text.get_text()]
    assert {text.get_fontsize() for text in shown} == {8}


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_can_be_drawn_again_and_where_one_wants_it(rows, name):
    display = all_displays(rows)[name]
    assert display.plot() is display
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    display.plot(ax=axes[1]).ax_.set_title("a title", loc="left")
    assert display.figure_ is figure
    assert all(panel.figure is figure for panel in display.axes_.values())
    figure.canvas.draw()
    title = next(text for text in figure.findobj(matplotlib.text.Text) if text.get_text() == "a title")
    assert title.get_window_extent().y1 <= figure.bbox.y1
    by_hand = plt.figure().add_axes((0.3, 0.3, 0.4, 0.4))
    display.plot(ax=by_hand)
    places = [panel.get_position() for panel in display.axes_.values()]
    assert min(place.x0 for place in places) >= 0.3 - 1e-9
    assert max(place.y1 for place in places) <= 0.7 + 1e-9


def test_emotions_differ_in_colour_and_shape_and_other_words_take_what_is_left():
    every = ["anger", "boredom", "calm", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
    found = looks(every)
    assert len({colour for colour, _ in found.values()}) == len({marker for _, marker in found.values()}) == len(every)
    mixed = looks(["anger", "zeal", 3])
    assert len({colour for colour, _ in mixed.values()}) == 3
    assert mixed["zeal"][0] in OKABE_ITO


def test_without_matplotlib_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from sere.plotting import HistoryDisplay\n"
        "try: HistoryDisplay([{'loss': 1.0}]).plot()\n"
        "except ImportError as error: assert 'sere[plots]' in str(error); print('said')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "said", done.stderr
