"""resonance_scores against literal loops of Eq. 4-6."""

import math

import numpy as np
import pytest

from sere.kernels import field, resonance_scores


def clips(lengths, d=6, seed=0):
    random = np.random.default_rng(seed)
    frames = [random.normal(size=(t, d)) for t in lengths]
    return frames, [random.random(t) for t in lengths]


@pytest.mark.parametrize("engine", ["compiled", "plain"])
def test_scores_follow_equations_4_to_6(engine, monkeypatch):
    if engine == "plain":
        monkeypatch.setattr(field, "compiled", lambda frames: None)
    (q, iq), (k, ik) = clips([3, 7, 1]), clips([4, 2], seed=1)
    ours = resonance_scores(q, k, 0.6, query_intensity=iq, key_intensity=ik)
    assert ours.dtype == np.float32
    assert ours.shape == (3, 2)
    for m in range(3):
        for n in range(2):
            total = 0.0
            for i in range(len(q[m])):
                best = -math.inf
                for j in range(len(k[n])):
                    x, y = q[m][i], k[n][j]
                    cosine = sum(x * y) / math.sqrt(sum(x * x) * sum(y * y))
                    synchrony = math.exp(-abs(iq[m][i] - ik[n][j]) / 0.6)
                    best = max(best, (1 + cosine) / 2 * synchrony)
                total += best
            assert ours[m, n] == pytest.approx(total / len(q[m]), rel=1e-5)


def test_many_frames_agree_with_the_readable_equations_too():
    from sere.method import resonance_matrix, resonance_score

    (q, iq), (k, ik) = clips([1300, 400, 700, 2]), clips([900, 10, 300], seed=1)
    ours = resonance_scores(q, k, 0.6, query_intensity=iq, key_intensity=ik)
    for m in range(4):
        for n in range(3):
            R = resonance_matrix(q[m], k[n], iq[m], ik[n], 0.6)
            assert ours[m, n] == pytest.approx(resonance_score(R).item(), rel=1e-5)


def test_without_numba_the_plain_engine_answers(monkeypatch):
    import sys

    import torch

    import sere.kernels

    monkeypatch.delattr(sere.kernels, "cpu", raising=False)
    monkeypatch.setitem(sys.modules, "sere.kernels.cpu", None)
    assert field.compiled(torch.zeros(1, 1)) is None
    q, iq = clips([3])
    assert resonance_scores(q, q, 0.6, query_intensity=iq, key_intensity=iq) == pytest.approx(1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tau": 0.0}, "tau must be > 0"),
        ({"tau": math.nan}, "tau must be > 0"),
        ({"queries": []}, "queries and query_intensity must hold as many clips"),
        ({"key_intensity": [np.ones(4)]}, "keys and key_intensity must hold as many clips"),
        ({"keys": [np.ones((4, 6)), np.ones((2, 5))]}, r"keys\[1\] must have shape \(T, 6\)"),
        ({"keys": [np.ones((4, 5)), np.ones((2, 5))]}, "queries have 6 columns and keys 5"),
        ({"queries": [np.ones((0, 6))] * 2}, r"queries\[0\] must have shape"),
        ({"query_intensity": [np.ones(3), np.ones(8)]}, r"query_intensity\[1\] must have shape"),
    ],
)
def test_mistakes_are_named(change, message):
    (q, iq), (k, ik) = clips([3, 7]), clips([4, 2])
    good = {"queries": q, "keys": k, "tau": 1.0, "query_intensity": iq, "key_intensity": ik}
    with pytest.raises(ValueError, match=message):
        resonance_scores(**{**good, **change})
