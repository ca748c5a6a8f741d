"""Why a clip got its emotion: the parts sum up, the moments are those that carry it, words and tables agree."""

import json

import numpy as np
import pytest

from sere import SEREClassifier
from sere.training.reasons import reasons
from sere.training.thinning import thinned


@pytest.fixture(scope="module", params=["acoustic", "speech-emotion"])
def fitted(request, shots, source, target):
    """A model of real descriptors, and with experience."""
    model = SEREClassifier(request.param, epochs=2, random_state=0)
    return model.fit(shots.drop(columns="emotion"), shots["emotion"], (source.drop(columns="emotion")[6:],), (target,))


@pytest.fixture(scope="module")
def explained(fitted, target):
    return fitted.explain(target, n_shots=2)


def test_the_answer_and_its_probability_are_the_models(fitted, explained, target):
    assert [why.emotion for why in explained] == fitted.predict(target).tolist()
    np.testing.assert_allclose([why.probability for why in explained], fitted.predict_proba(target).max(1), rtol=1e-9)


def test_the_parts_sum_up_to_the_lead_over_the_runner_up(fitted, explained, target):
    scores = np.sort(fitted.decision_function(target), axis=1)
    np.testing.assert_allclose([sum(why.parts.values()) for why in explained], scores[:, -1] - scores[:, -2], rtol=1e-6)
    wanted = ["prototypes", "self-training"] if fitted.encoder == "acoustic" else ["prototypes", "experience"]
    assert set(wanted) <= set(explained[0].parts)


def test_shots_are_those_of_the_emotion_that_resonate_most(fitted, explained, target, shots):
    field = fitted.resonance(target)
    labels = shots["emotion"].to_numpy()
    for row, why in enumerate(explained):
        own = np.flatnonzero(labels == why.emotion)
        expected = own[np.argsort(-field[row, own], kind="stable")[:2]]
        assert why.shots["shot"].tolist() == expected.tolist()
        np.testing.assert_allclose(why.shots["resonance"], field[row, expected], rtol=1e-6)
        assert set(why.moments["shot"]) <= set(expected)


def test_a_moments_weight_is_what_the_lead_loses_without_its_frame(fitted, target):
    """Against a model that is given the clip without the frame: the network, and what it makes of the context."""
    chunk = next(iter(fitted._chunks(target[:6])))
    model, found = fitted._model, reasons(fitted._model, chunk, 2)
    few = thinned(chunk, model.preparation.frame_rate)
    weights, falls = [], []
    for row, why in enumerate(found):
        np.testing.assert_allclose(why.times, few.kept[row] / 50)

        def lead(clip, why=why):
            scores = model.logits(clip)[0]
            return scores[why.answer] - scores[why.runner_up]

        averaged = chunk.averaged[str(few.encoders[row])]
        raw, entries = np.asarray(few.frames[row], np.float64), np.flatnonzero(averaged >= 0)
        for t in range(len(raw)):
            rest = np.delete(np.arange(len(raw)), t)
            context = np.array(few.context[row], np.float64)
            context[entries] += (raw[rest].mean(0) - raw.mean(0))[averaged[entries]]
            kept = {"frames": [few.frames[row][rest]], "kept": [few.kept[row][rest]], "context": [context]}
            falls.append(lead(few[[row]]) - lead(few[[row]].with_(**kept)))
        weights += why.weights.tolist()
    # The gate of the other frames moves with the context, and columns are cut at some SD: nearly, not to the bit.
    assert np.corrcoef(weights, falls)[0, 1] > 0.9
    assert np.abs(np.subtract(weights, falls)).mean() < 0.3 * np.abs(falls).mean()


def test_a_partner_is_the_most_resonant_moment_of_its_shot(fitted, explained):
    model = fitted._model
    for why in explained[:3]:
        for moment in why.moments.itertuples():
            times = model.shot_times[moment.shot]
            assert np.isclose(times, moment.shot_time).any()
            assert 0 <= moment.resonance <= 1


def test_the_voice_at_a_moment_is_told_beside_the_rest_of_its_clip(explained):
    why = explained[0]
    assert {"pitch", "pitch_change", "loudness_change", "brightness"} <= set(why.moments)
    voiced = why.moments["pitch"].notna()
    assert (why.moments["pitch_change"].notna() == voiced).all()
    assert why.moments["loudness_change"].min() < 0 < why.moments["loudness_change"].max() + 3
    assert (why.moments["brightness"] > 0).all()


def test_words_name_the_answer_the_shots_and_the_strongest_moments(explained):
    for why in explained:
        text = str(why)
        assert text.startswith(f"{why.emotion} ({100 * why.probability:.0f} %), ahead of {why.against}")
        assert all(f"shot {shot} " in text for shot in why.shots["shot"])
        strong = why.strongest()
        assert (strong["weight"].diff().dropna() <= 0).all()
        assert text.count("\nat ") == (strong["weight"] > 0).sum()


def test_an_explanation_goes_through_json_and_into_a_notebook(explained):
    told = json.loads(json.dumps(explained[0].to_dict()))
    assert told["emotion"] == explained[0].emotion
    assert len(told["moments"]) == len(explained[0].moments)
    html = explained[0]._repr_html_()
    assert "<audio controls" in html
    assert explained[0].emotion in html


def test_a_picture_has_a_bar_a_moment_and_names_the_strongest(fitted, explained, target):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from sere.plotting import ExplanationDisplay

    why = explained[0]
    shown = ExplanationDisplay(why).plot()
    ax = shown.ax_
    assert shown.figure_ is ax.figure
    assert len(ax.patches) == len(why.moments)
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], why.moments["weight"])
    assert len(ax.texts) == min(3, len(why.moments))
    with pytest.raises(ValueError, match="one clip, and 2 were given"):
        ExplanationDisplay.from_estimator(fitted, target[:2])
    plt.close("all")


def test_feature_vectors_have_one_moment_and_no_voice():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(10, 6)) + np.repeat([[0], [3]], 5, 0), np.repeat([3, 7], 5)
    pool = rng.normal(size=(40, 6)) + np.repeat([[1], [4]], 20, 0)
    model = SEREClassifier(epochs=2, random_state=0).fit(X, y, None, (pool,))
    found = model.explain(pool)
    assert [why.emotion for why in found] == model.predict(pool).tolist()
    lead = np.abs(model.decision_function(pool))
    np.testing.assert_allclose([sum(why.parts.values()) for why in found], lead, rtol=1e-6)
    assert all(len(why.moments) == 1 and "pitch" not in why.moments for why in found)
    assert "<audio" not in found[0]._repr_html_()
    assert json.loads(json.dumps(found[0].to_dict()))["emotion"] in (3, 7)


def test_a_number_of_shots_that_cannot_be_is_an_error(fitted, target):
    with pytest.raises(ValueError, match="n_shots is 0; it must be a whole number"):
        fitted.explain(target, n_shots=0)
