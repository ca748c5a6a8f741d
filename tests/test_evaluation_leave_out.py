"""The encoder 'experience' of a benchmark: learned from neither corpus of a task."""

import pytest

from sere.datasets import make_voices
from sere.encoders import EmotionEncoder
from sere.evaluation import run_benchmark
from sere.evaluation.leave_out import with_experience
from sere.evaluation.methods import pair_name, read_methods

EMOTIONS = ("anger", "sadness")


@pytest.fixture(scope="module")
def corpora():
    """Three corpora, two of one language."""
    made = {"one": ("lumo", 0), "two": ("tarsk", 0), "three": ("tarsk", 1)}
    return {
        name: make_voices(4, [language], 2, EMOTIONS, seed, duration=0.4).assign(corpus=name)
        for name, (language, seed) in made.items()
    }


def test_each_pair_gets_an_encoder_that_heard_neither(corpora):
    methods = read_methods("sere@experience,lr")
    pairs = [("one", "two"), ("two", "one"), ("one", "three")]
    experienced, plain = with_experience(methods, corpora, pairs)
    assert not plain.experience
    for source, target in pairs:
        encoder = experienced.prepared(source, target, 0).encoder
        assert isinstance(encoder, EmotionEncoder)
        assert set(encoder.card.names) == set(corpora) - {source, target}
    assert set(experienced.experience) == {pair_name(*pair) for pair in pairs}


def test_cells_of_unlike_experience_have_unlike_keys(corpora):
    (method,) = with_experience(read_methods("sere@experience"), corpora, [("one", "two"), ("one", "three")])
    signatures = [str(method.signature("one", target)) for target in ("two", "three")]
    assert signatures[0] != signatures[1]
    assert signatures[0] == str(method.signature("two", "one"))


def test_two_corpora_leave_nothing_to_learn_from(corpora):
    two = {name: corpora[name] for name in ("one", "two")}
    with pytest.raises(ValueError, match="labeled corpora beside one and two, and there is none"):
        with_experience(read_methods("sere@experience"), two, [("one", "two")])


def test_a_benchmark_runs_with_it(corpora, tmp_path, monkeypatch):
    monkeypatch.setenv("SERE_CACHE", str(tmp_path))
    result = run_benchmark(
        corpora,
        tasks="one-two",
        methods="prototype@experience",
        baseline="prototype",
        draws=1,
        shots=1,
        protocol="transductive",
        speakers="known",
    )
    assert not result.failed
    assert {record["method"] for record in result.records} == {"prototype@experience", "prototype"}
