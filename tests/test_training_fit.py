"""One fit from embedded clips to a model: what it holds on the way."""

import tracemalloc

import numpy as np

from sere import SEREClassifier, Utterances


def embedded(n, seed, width=600):
    """Clips of twenty frames of many columns."""
    rng = np.random.default_rng(seed)
    return Utterances(
        clips=None,
        speakers=np.full(n, None, object),
        languages=np.full(n, None, object),
        encoders=np.full(n, "wide", object),
        dynamics=[rng.normal(size=(20, 4)).astype(np.float32) for _ in range(n)],
        frames=[rng.normal(size=(20, width)).astype(np.float32) for _ in range(n)],
        context=[rng.normal(size=3).astype(np.float32) for _ in range(n)],
    )


def test_while_training_wide_frames_are_held_as_coordinates_alone():
    shots, target = embedded(6, 0), embedded(300, 1)
    held = []

    def look(record):
        held.append(tracemalloc.get_traced_memory()[0])

    made = SEREClassifier(epochs=1, callbacks=[look], random_state=0)
    made.set_params(field__frame_rate=50.0).fit(shots, [0, 1] * 3, X_unlabeled_tgt=(target[:50],))  # what is compiled
    tracemalloc.start()
    made.fit(shots, [0, 1] * 3, X_unlabeled_tgt=(target,))
    tracemalloc.stop()
    assert held[-1] < 0.6 * sum(frames.nbytes for frames in target.frames)


def test_without_columns_of_a_context_self_training_learns_from_the_means_of_frames():
    shots, target = embedded(6, 0), embedded(60, 1)
    shots, target = (part.with_(context=[np.empty(0, np.float32)] * len(part)) for part in (shots, target))
    model = SEREClassifier(epochs=1, random_state=0).fit(shots, [0, 1] * 3, X_unlabeled_tgt=(target,))._model
    assert model.self_trained.weights["wide"].shape == (2, 600)
    thin = [frames[kept] for frames, kept in zip(target.frames, kept_of(target), strict=True)]
    mean, sd = model.preparation.frames["wide"].domains["target"]
    expected = np.mean([np.clip((frames - mean) / sd, -4, 4).mean(0) for frames in thin], axis=0)
    np.testing.assert_allclose(model.self_trained.means["wide"], expected, atol=1e-6)


def kept_of(clips):
    """The frames that thinning keeps: of five each, the one with the strongest burst."""
    strength = [np.abs(changes).sum(1).reshape(-1, 5) for changes in clips.dynamics]
    return [own.argmax(1) + np.arange(0, 20, 5) for own in strength]
