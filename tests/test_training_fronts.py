"""Encoders' last layers and layer weights, trained inside the classifier."""

import io
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial

import checkpoints
import joblib
import numpy as np
import pytest
import torch
from checkpoints import noise
from sklearn.base import clone

import sere
from sere import Embedding, HeterogeneousEncoder, ResonanceField, SEREClassifier, make_sere_pipeline
from sere.datasets import make_voices
from sere.encoders.base import pooled_context
from sere.encoders.layers import LayerMix, TopLayers
from sere.encoders.pretrained import PretrainedEncoder
from sere.inputs.reading import as_utterances
from sere.inputs.utterances import Utterances
from sere.training.fronts import FRAMES, OpenSpace, as_hidden, through_front
from sere.training.network import Pool, ResonanceNetwork

WAVES = [noise(n, seed) for seed, n in enumerate((5_000, 12_000, 100, 9_000))]
NAMES = ("wav2vec2-layer", "hubert-group", "wavlm-group", "bert", "whisper")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    return {name: str(checkpoints.save_checkpoint(name, root / name)) for name in NAMES}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return str(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def voices():
    """Labeled clips with emotions, and clips of another language."""
    clips = make_voices(4, emotions=("anger", "sadness"), n_speakers=2, duration=0.6)
    clips["language"] = clips["language"].map({"lumo": "de", "tarsk": "it"})
    labeled, target = (clips[clips["language"] == code].reset_index(drop=True) for code in ("de", "it"))
    columns = ["audio", "speaker", "language"]
    return labeled[columns], labeled["emotion"], target[columns]


@pytest.fixture
def make(folders, cache):
    """A function that makes a classifier around an encoder."""

    def make_classifier(encoders="wav2vec2-layer", epochs=3, rate=1e-3, labeled=None, layer=-1, n=0, **parameters):
        named = {k: folders[v] for k, v in encoders.items()} if isinstance(encoders, dict) else folders[encoders]
        labeled = labeled and folders[labeled]
        encoder = HeterogeneousEncoder(named, labeled=labeled, layer=layer, trainable_layers=n, cache=cache)
        return SEREClassifier(
            encoder, epochs=epochs, encoder_learning_rate=rate, random_state=0, cache=cache, **parameters
        )

    return make_classifier


@pytest.fixture
def fit(make, voices):
    """A function that fits such a classifier."""

    def fit_classifier(*args, **parameters):
        X, y, target = voices
        return make(*args, **parameters).fit(X, y, (X,), (target,))

    return fit_classifier


MIXED = {"encoders": {"de": "whisper", "it": "hubert-group"}, "labeled": "wav2vec2-layer"}


def open_space(encoder, waves=WAVES, keep=2):
    """Clips before the encoder's front; every second frame is kept, and standardisation divides by 100."""
    hidden = [as_hidden(clip.frames) for clip in encoder.encode(waves)]
    kept = [torch.arange(0, len(h), keep) for h in hidden]
    offsets = torch.tensor([0, *map(len, kept)]).cumsum(0)
    width = 3 * encoder.width
    shift, scale = torch.zeros(len(waves), width), torch.full((len(waves), width), 100.0)
    return OpenSpace(
        0, hidden, kept, shift, scale, torch.zeros(int(offsets[-1]), 4), offsets, torch.zeros(len(kept), 0)
    )


def states(classifier):
    return {name: frozen.state for name, frozen in classifier._model.fronts.items()}


def untrained(classifier, name):
    encoder = classifier.encoder_.build(name)
    return encoder.top_state(encoder.front())


class TestThroughFront:
    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("n", [1, 3])
    def test_at_the_start_frames_and_context_are_the_whole_models(self, folders, name, n):
        encoder = PretrainedEncoder(folders[name], trainable_layers=n, whisper_slice_positions=True)
        context, frames = through_front(encoder.front(), open_space(encoder))
        whole = [c.frames for c in PretrainedEncoder(folders[name], whisper_slice_positions=True).encode(WAVES)]
        expected = np.concatenate([clip[::2] for clip in whole])
        np.testing.assert_allclose(100 * frames.detach(), expected, atol=2e-4)
        np.testing.assert_allclose(100 * context.detach(), [pooled_context(clip) for clip in whole], atol=2e-4)

    def test_a_mix_starts_as_the_mean_of_all_layers(self, folders):
        encoder = PretrainedEncoder(folders["wavlm-group"], layer="weighted")
        _, frames = through_front(encoder.front(), open_space(encoder))
        whole = PretrainedEncoder(folders["wavlm-group"], layer=(0, 1, 2, 3)).encode(WAVES)
        expected = np.concatenate([clip.frames[::2] for clip in whole])
        np.testing.assert_allclose(100 * frames.detach(), expected, atol=1e-4)

    def test_standardisation_shifts_scales_and_cuts(self, folders):
        encoder = PretrainedEncoder(folders["bert"], trainable_layers=1)
        space, front = open_space(encoder), encoder.front()
        raw = [100 * part.detach() for part in through_front(front, space)]
        rng = np.random.default_rng(0)
        shift, scale = (torch.from_numpy(rng.uniform(0.1, 0.5, (4, 48))).float() for _ in range(2))
        moved = through_front(front, replace(space, shift=shift, scale=scale))
        owner = np.repeat(np.arange(4), np.diff(space.offsets))
        for found, values, rows, columns in (
            (moved[0], raw[0], np.arange(4), slice(0, 32)),
            (moved[1], raw[1], owner, slice(32, 48)),
        ):
            expected = ((values - shift[rows, columns]) / scale[rows, columns]).clamp(-4, 4)
            assert (expected.abs() == 4).any()
            np.testing.assert_allclose(found.detach(), expected, atol=1e-3)

    def test_clips_may_go_through_together_or_alone_in_any_order(self, folders):
        encoder = PretrainedEncoder(folders["wavlm-group"], trainable_layers=2)
        space, front = open_space(encoder), encoder.front()
        context, frames = through_front(front, space)
        order = torch.tensor([2, 0, 3])
        taken = space.take(order)
        for at_once in (1, 60, FRAMES):
            some, rows = through_front(front, taken, at_once)
            np.testing.assert_allclose(some.detach(), context[order].detach(), atol=1e-6)
            expected = torch.cat([frames.split(space.offsets.diff().tolist())[i] for i in order])
            np.testing.assert_allclose(rows.detach(), expected.detach(), atol=1e-6)

    def test_gradients_do_not_depend_on_how_many_clips_go_through_together(self, folders):
        encoder = PretrainedEncoder(folders["hubert-group"], trainable_layers=1)
        space = open_space(encoder)
        found = []
        for at_once in (1, FRAMES):
            front = encoder.front()
            context, frames = through_front(front, space, at_once)
            (context.square().sum() + frames.sum()).backward()
            found.append([p.grad for p in front.parameters()])
        for alone, together in zip(*found):
            np.testing.assert_allclose(alone, together, atol=1e-5, rtol=1e-4)
        assert max(float(g.abs().max()) for g in found[0]) > 1e-3

    def test_a_clip_of_one_frame_has_finite_gradients(self, folders):
        encoder = PretrainedEncoder(folders["wav2vec2-layer"], trainable_layers=1)
        front = encoder.front()
        context, _ = through_front(front, open_space(encoder, [noise(100)]))
        context.sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in front.parameters())


class TestTraining:
    @pytest.mark.parametrize("n", [1, 2])
    def test_the_last_layers_move_and_only_they_are_there(self, fit, n):
        classifier = fit(n=n)
        (name,) = states(classifier)
        before, after = untrained(classifier, name), states(classifier)[name]
        assert {key.split(".")[1] for key in after if key.startswith("layers")} == set(map(str, range(n)))
        # A key's bias moves all scores of a query alike, which softmax does not see.
        still = [key for key in after if np.array_equal(before[key], after[key]) and "k_proj.bias" not in key]
        assert not still

    def test_training_leaves_the_layers_below_as_they_were(self, voices, folders):
        encoder = PretrainedEncoder(folders["wav2vec2-layer"], trainable_layers=1)
        (before,) = PretrainedEncoder(folders["wav2vec2-layer"], layer=2).encode(WAVES[:1])
        X, y, target = voices
        SEREClassifier(encoder, epochs=2, encoder_learning_rate=1e-2, cache=False).fit(X, y, None, (target,))
        (after,) = encoder.encode(WAVES[:1])
        np.testing.assert_array_equal(after.frames, before.frames)

    def test_gradients_reach_every_layer_of_the_front(self, folders):
        encoder = PretrainedEncoder(folders["wavlm-group"], trainable_layers=2)
        rng = np.random.default_rng(0)
        starts = [(rng.normal(size=(32, 6)), rng.normal(size=(16, 6)))]
        network = ResonanceNetwork(starts, Embedding(), ResonanceField(), {0: encoder.front()})
        embedded = network(Pool((open_space(encoder),)))
        (embedded.clips.square().sum() + embedded.packed.frames.square().sum()).backward()
        gradients = {k: p.grad for k, p in network.fronts.named_parameters()}
        without = [k for k, g in gradients.items() if g is None or not g.any()]
        assert [k for k in without if "k_proj.bias" not in k] == []
        assert {k.split(".")[2] for k in gradients if ".layers." in k} == {"0", "1"}

    @pytest.mark.parametrize(("options", "whole"), [({"n": 2}, {}), ({"layer": "weighted"}, {"layer": (0, 1, 2, 3)})])
    def test_before_the_first_epoch_nothing_differs_from_the_whole_encoder(self, fit, voices, options, whole):
        target = voices[2]
        found = fit(epochs=0, **options).decision_function(target)
        np.testing.assert_allclose(found, fit(epochs=0, **whole).decision_function(target), atol=2e-3)

    def test_training_the_last_layers_changes_what_is_learned(self, fit, voices):
        trained, fixed = fit(n=2), fit()
        target = voices[2]
        assert np.abs(trained.decision_function(target) - fixed.decision_function(target)).max() > 0.01
        assert not fixed._model.fronts

    def test_layer_weights_leave_the_uniform(self, fit):
        (state,) = states(fit(layer="weighted", rate=1e-9)).values()
        assert np.ptp(state["weights"]) > 1e-4

    def test_pretrained_layers_have_a_learning_rate_of_their_own(self):
        starts = [(np.eye(3), np.eye(3))]
        make_network = partial(ResonanceNetwork, starts, Embedding(), ResonanceField())
        top = TopLayers("hubert", torch.nn.ModuleList([torch.nn.Linear(2, 2)]), None, None, None, 9)
        for front, apart in ((top, 2), (LayerMix(3, 2), 0)):
            network = make_network({0: front})
            groups = network.groups(0.1, 0.001)
            assert [len(g["params"]) for g in groups[1:]] == [apart] * (apart > 0)
            assert [g["lr"] for g in groups] == [0.1, 0.001][: len(groups)]
            assert sum(len(g["params"]) for g in groups) == len(list(network.parameters()))
        assert not any(name.startswith("fronts") for name in make_network({0: top}).own_state())

    @pytest.mark.parametrize("options", [{"n": 1}, {"layer": "weighted"}])
    def test_the_same_seed_gives_the_same_bits(self, fit, voices, options):
        first, second = fit(**options), fit(**options)
        target = voices[2]
        np.testing.assert_array_equal(first.decision_function(target), second.decision_function(target))

    def test_a_warm_start_goes_on_from_the_trained_layers(self, fit, voices):
        X, y, target = voices
        classifier = fit(n=1)
        before, embeddings = states(classifier), classifier.transform(target)
        classifier.set_params(warm_start=True, epochs=0).fit(X, y, (X,), (target,))
        for name, state in states(classifier).items():
            for key, value in state.items():
                np.testing.assert_array_equal(value, before[name][key])
        np.testing.assert_array_equal(classifier.transform(target), embeddings)

    def test_unlike_encoders_are_tuned_together(self, fit, voices, folders):
        classifier = fit(**MIXED, n=1)
        assert set(states(classifier)) == {folders[name] for name in ("whisper", "hubert-group", "wav2vec2-layer")}
        for name, after in states(classifier).items():
            before = untrained(classifier, name)
            assert any(np.abs(before[key] - after[key]).max() > 1e-4 for key in after)
        assert np.isfinite(classifier.predict_proba(voices[2])).all()
        assert classifier.transform(voices[2]).shape == (8, 52)
        assert np.isfinite(classifier.resonance(voices[2])).all()


class _Plain(pickle.Unpickler):
    """Notes where everything in a pickle comes from."""

    def __init__(self, *args):
        super().__init__(*args)
        self.modules = set()

    def find_class(self, module, name):
        self.modules.add(module.partition(".")[0])
        return super().find_class(module, name)


class TestPrediction:
    def test_predictions_survive_a_pickle_to_another_process(self, fit, voices, tmp_path):
        classifier = fit(**MIXED, n=1)
        expected = classifier.decision_function(voices[2])
        joblib.dump((classifier, voices[2]), tmp_path / "model.joblib")
        code = (
            "import joblib, numpy, sys\n"
            "model, X = joblib.load(sys.argv[1])\n"
            "numpy.save(sys.argv[2], model.decision_function(X))\n"
        )
        subprocess.run(
            [sys.executable, "-c", code, tmp_path / "model.joblib", tmp_path / "found.npy"], check=True, timeout=120
        )
        np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), expected)

    def test_a_saved_model_opens_the_checkpoints_that_are_allowed(self, fit, voices, folders, tmp_path):
        classifier = fit(**MIXED, n=1)
        sere.save(classifier, tmp_path / "model")
        used = [folders[name] for name in ("hubert-group", "wav2vec2-layer", "whisper")]
        with pytest.raises(ValueError, match=rf"stands on what is not in it.*{re.escape(', '.join(map(repr, used)))}"):
            sere.load(tmp_path / "model")
        again = sere.load(tmp_path / "model", allow=used)
        np.testing.assert_array_equal(again.decision_function(voices[2]), classifier.decision_function(voices[2]))

    def test_a_fitted_model_holds_no_torch_object_even_after_predicting(self, fit, voices):
        classifier = fit(n=1)
        classifier.predict(voices[2])
        assert classifier._model._built
        reader = _Plain(io.BytesIO(pickle.dumps(classifier)))
        again = reader.load()
        assert "torch" not in reader.modules
        np.testing.assert_array_equal(again.predict(voices[2]), classifier.predict(voices[2]))

    def test_a_prediction_does_not_depend_on_its_neighbours(self, fit, voices):
        classifier = fit(**MIXED, n=1)
        together = classifier.decision_function(voices[2])
        alone = [classifier.decision_function(voices[2][i : i + 1])[0] for i in range(len(together))]
        np.testing.assert_allclose(alone, together, rtol=1e-9)

    def test_only_the_encoders_that_are_needed_are_loaded(self, fit, voices, folders):
        classifier = pickle.loads(pickle.dumps(fit(**MIXED, n=1)))
        classifier.predict(voices[2])
        assert set(classifier._model._built) == {folders["hubert-group"]}

    def test_a_checkpoint_that_changed_is_refused(self, voices, tmp_path):
        folder = checkpoints.save_checkpoint("bert", tmp_path / "model")
        X, y, target = voices
        encoder = HeterogeneousEncoder(str(folder), trainable_layers=1, cache=False)
        classifier = SEREClassifier(encoder, epochs=1, cache=False).fit(X, y, None, (target,))
        config = folder / "config.json"
        config.write_text(config.read_text() + "\n")
        with pytest.raises(ValueError, match="not what it was when the model was fitted"):
            classifier.predict(target)

    @pytest.mark.filterwarnings("ignore::sere.SereWarning")  # of X in its own pool
    def test_clips_embedded_otherwise_are_refused(self, fit, voices):
        _, y, target = voices
        plain, tuned = fit(epochs=1), fit(epochs=1, n=1)
        clips = plain.dynamics_.extract(as_utterances(target))
        embed = {c: c.encoder_.encode(clips, "target") for c in (plain, tuned)}
        for classifier, other in ((plain, tuned), (tuned, plain)):
            with pytest.raises(ValueError, match="other trainable_layers or another layer"):
                classifier.predict(embed[other])
        with pytest.raises(ValueError, match="other trainable_layers or another layer"):
            clone(tuned).fit(embed[tuned][:8], y, None, (embed[plain],))


class TestTransformer:
    @pytest.mark.parametrize(
        ("options", "whole"), [({"trainable_layers": 2}, -1), ({"layer": "weighted"}, (0, 1, 2, 3))]
    )
    def test_transform_gives_the_finished_embedding(self, folders, options, whole):
        make_encoder = partial(HeterogeneousEncoder, folders["hubert-group"], cache=False)
        found, expected = (e.fit(WAVES).transform(WAVES) for e in (make_encoder(**options), make_encoder(layer=whole)))
        assert isinstance(found, Utterances)
        for one, other in zip(found.frames, expected.frames):
            np.testing.assert_allclose(one, other, atol=1e-4)
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=1e-4)
        assert len(found.feature_names) == np.asarray(found).shape[1]

    def test_a_clips_embedding_does_not_depend_on_its_neighbours(self, folders):
        encoder = HeterogeneousEncoder(folders["wavlm-group"], trainable_layers=2, cache=False).fit(WAVES)
        together = encoder.transform(WAVES)
        for wave, frames in zip(WAVES, together.frames):
            np.testing.assert_array_equal(encoder.transform([wave]).frames[0], frames)

    def test_in_a_pipeline_the_classifier_trains_what_transform_finished(self, make, voices):
        X, y, target = voices
        alone = make(n=1)
        pipeline = make_sere_pipeline(alone.dynamics, clone(alone.encoder), clone(alone).set_params(encoder="acoustic"))
        alone.fit(X, y, (X,), (target,))
        pipeline.fit(X, y, X_unlabeled_src=(X,), X_unlabeled_tgt=(target,))
        assert states(pipeline[-1])
        np.testing.assert_array_equal(pipeline.predict_proba(target), alone.predict_proba(target))

    @pytest.mark.parametrize("options", [{"trainable_layers": 1}, {"layer": "weighted"}])
    def test_an_encoder_without_layers_has_none_to_train(self, options):
        with pytest.raises(ValueError, match="names none"):
            HeterogeneousEncoder("acoustic", cache=False, **options).fit(WAVES)
