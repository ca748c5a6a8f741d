"""The pictures show the numbers they were given."""

import importlib.util
import subprocess
import sys

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")

import matplotlib.pyplot as plt

from sere.plotting import plot_confusion, plot_embedding, plot_history, plot_resonance

EMOTIONS = ["anger", "fear", "sadness"]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_confusion_rows_are_percent_of_the_emotions_clips():
    ax = plot_confusion(
        ["anger", "anger", "anger", "anger", "fear"],
        ["anger", "anger", "anger", "fear", "elsewhere"],
        labels=EMOTIONS,
    )
    shown = np.array([text.get_text() for text in ax.texts]).reshape(3, 3)
    assert shown.tolist() == [["75", "25", "0"], ["0", "0", "0"], ["0", "0", "0"]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["anger (4)", "fear (1)", "sadness (0)"]
    np.testing.assert_allclose(ax.images[0].get_array()[0], [75, 25, 0])


def test_confusion_takes_integer_labels_and_an_axes():
    figure, ax = plt.subplots()
    assert plot_confusion([0, 1, 1], [0, 1, 0], ax=ax) is ax
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize("as_series", [False, True])
def test_history_draws_losses_and_scores_on_two_axes(as_series):
    history = [
        {"epoch": i, "loss": 3.0 - i, "shots": 2.0, "quality": i / 3, "tau": 1.0, "assigned": np.ones(2)}
        for i in range(3)
    ]
    if as_series:
        history = {name: [epoch[name] for epoch in history] for name in history[0]}
    ax = plot_history(history)
    assert {line.get_label(): line.get_ydata().tolist() for line in ax.lines} == {
        "loss": [3.0, 2.0, 1.0],
        "shots": [2.0] * 3,
    }
    (right,) = [other for other in ax.figure.axes if other is not ax]
    assert [line.get_label() for line in right.lines] == ["quality"]
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"loss", "shots", "quality"}


def test_history_draws_what_is_asked_and_says_what_there_is():
    history = [{"loss": 1.0, "quality": None}, {"loss": 0.5, "quality": 0.2}]
    (line,) = plot_history(history, names=["quality"]).lines
    np.testing.assert_array_equal(line.get_ydata(), [np.nan, 0.2])
    with pytest.raises(ValueError, match=r"\['accuracy'\].*loss"):
        plot_history(history, names=["accuracy"])
    with pytest.raises(ValueError, match="history"):
        plot_history([])


@pytest.mark.parametrize("method", ["tsne", "pca"])
@pytest.mark.parametrize("width", [1, 2, 8])
def test_embedding_draws_each_clip_once_and_a_star_an_emotion(method, width):
    rng = np.random.default_rng(0)
    y = np.repeat(EMOTIONS, 10)
    ax = plot_embedding(rng.standard_normal((30, width)), y, rng.standard_normal((3, width)), EMOTIONS, method=method)
    sizes = [len(dots.get_offsets()) for dots in ax.collections]
    assert sizes == [10, 10, 10, 1, 1, 1]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == EMOTIONS
    for emotion in range(3):
        clips, star = ax.collections[emotion], ax.collections[3 + emotion]
        np.testing.assert_allclose(clips.get_facecolor()[0, :3], star.get_facecolor()[0, :3])


def test_embedding_by_pca_keeps_the_two_widest_directions():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((40, 5)) * [10, 5, 0.1, 0.1, 0.1]
    places = np.asarray(plot_embedding(points, ["x"] * 40, method="pca").collections[0].get_offsets())
    assert abs(np.corrcoef(places[:, 0], points[:, 0])[0, 1]) > 0.99
    assert abs(np.corrcoef(places[:, 1], points[:, 1])[0, 1]) > 0.95


def test_embedding_draws_a_selection_of_very_many_clips():
    rng = np.random.default_rng(0)
    ax = plot_embedding(rng.standard_normal((4000, 3)), rng.choice(EMOTIONS, 4000), method="pca")
    assert sum(len(dots.get_offsets()) for dots in ax.collections) == 1500


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
        plot_embedding(**arguments)


def test_resonance_shows_the_field_its_partners_and_its_score():
    rng = np.random.default_rng(0)
    query, key = rng.standard_normal((7, 4)), rng.standard_normal((9, 4))
    burst_q, burst_k = rng.random(7), rng.random(9)
    ax = plot_resonance(query, key, burst_q, burst_k, tau=0.5, names=("a", "b"))
    expected = np.empty((7, 9))
    for i in range(7):
        for j in range(9):
            cosine = query[i] @ key[j] / np.linalg.norm(query[i]) / np.linalg.norm(key[j])
            expected[i, j] = (1 + cosine) / 2 * np.exp(-abs(burst_q[i] - burst_k[j]) / 0.5)
    np.testing.assert_allclose(ax.images[0].get_array(), expected, rtol=1e-6)
    np.testing.assert_allclose(ax.lines[0].get_xdata(), expected.argmax(axis=1) * 0.02)
    assert f"{expected.max(axis=1).mean():.3f}" in ax.get_title()
    left, below = ax.child_axes
    np.testing.assert_array_equal(left.lines[0].get_xdata(), burst_q)
    np.testing.assert_array_equal(below.lines[0].get_ydata(), burst_k)


def test_resonance_says_which_clip_does_not_fit():
    with pytest.raises(ValueError, match="key"):
        plot_resonance(np.zeros((3, 2)), np.zeros((4, 2)), np.zeros(3), np.zeros(3))


def test_without_matplotlib_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from sere.plotting import plot_confusion\n"
        "try: plot_confusion([0, 1], [0, 1])\n"
        "except ImportError as error: assert 'sere[plots]' in str(error); print('said')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "said", done.stderr
    assert importlib.util.find_spec("matplotlib")
