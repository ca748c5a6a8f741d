"""The fast field against the readable one, by both engines, and what it promises beside speed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sere import method
from sere.kernels import Packed, Reading, cpu, field, resonance_aware, resonance_field, tiles
from sere.kernels.field import field_scores
from sere.method.resonance import FORMS, GAPS

READINGS = [(form, gap) for form in FORMS for gap in GAPS]


@pytest.fixture(params=["compiled", "plain"])
def engine(request, monkeypatch):
    """Each engine, with blocks so small that a few clips fill several."""
    if request.param == "plain":
        monkeypatch.setattr(field, "compiled", lambda frames: None)
    monkeypatch.setattr(tiles, "TILE_ROWS", 4)
    monkeypatch.setattr(tiles, "TILE_COLUMNS", 9)
    monkeypatch.setattr(cpu, "QUERY_ROWS", 6)
    monkeypatch.setattr(cpu, "KEY_ROWS", 5)
    monkeypatch.setattr(cpu, "KEY_BYTES", 5 * 5 * 8)
    return request.param


@pytest.fixture
def threads():
    """Two threads, whatever the environment says."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def pool(lengths, d=5, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    frames = [torch.randn(t, d, dtype=dtype, generator=generator) for t in lengths]
    return frames, [3 * torch.rand(t, dtype=dtype, generator=generator) for t in lengths]


def scores_by_loop(queries, keys, tau, form, gap, weights=None):
    scores, best, first = [], [], 0
    starts = [sum(len(z) for z in keys[0][:k]) for k in range(len(keys[0]))]
    for zi, a in zip(*queries):
        w = None if weights is None else weights[first : first + len(zi)]
        first += len(zi)
        field_of_q = [method.resonance_matrix(zi, zj, a, b, tau, form, gap) for zj, b in zip(*keys)]
        scores.append([method.resonance_score(R, w).item() for R in field_of_q])
        for i in range(len(zi)):
            best.append([s + int(R[i].argmax()) for R, s in zip(field_of_q, starts)])
    return torch.tensor(scores, dtype=torch.float64), torch.tensor(best)


@pytest.mark.parametrize(("form", "gap"), READINGS)
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_and_winners_equal_the_readable_equations(engine, form, gap, weighted):
    queries, keys = pool([1, 4, 13, 2, 6]), pool([3, 1, 11, 2], seed=1)
    queries[0][1][2] = 0
    weights = torch.rand(26, dtype=torch.float64) if weighted else None
    expected, winners = scores_by_loop(queries, keys, 0.7, form, gap, weights)
    q, k = Packed.from_list(*queries)._replace(weight=weights), Packed.from_list(*keys)
    scores, best = resonance_field(q, k, Reading(0.7, form, gap))
    torch.testing.assert_close(scores, expected, rtol=1e-10, atol=1e-12)
    assert torch.equal(best, winners)


@pytest.mark.parametrize("lengths", [[1, 4, 13, 2, 6], [1, 1, 1]])
@pytest.mark.parametrize("shared", [(2, 3), (3, 5), (5, 5), (0, 4)])
def test_columns_that_a_clips_frames_share_count_like_the_others(engine, lengths, shared):
    queries, keys = pool(lengths), pool([3, 1, 11, 2], seed=1)
    for clips, count in zip((queries[0], keys[0]), shared):
        for z in clips:
            z[:, :count] = z[0, :count].clone()
    queries[0][-1][0] = 0
    expected, winners = scores_by_loop(queries, keys, 0.7, "product", "exponential")
    scores, best = resonance_field(Packed.from_list(*queries), Packed.from_list(*keys), Reading(0.7))
    torch.testing.assert_close(scores, expected, rtol=1e-10, atol=1e-12)
    assert torch.equal(best, winners)


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
    st.sampled_from([torch.float32, torch.float64]),
    st.floats(0.05, 20),
)
@settings(max_examples=25, deadline=None)
def test_any_lengths_and_temperatures_agree_with_the_readable_equations(q, k, dtype, tau):
    queries, keys = pool(q, dtype=dtype), pool(k, seed=1, dtype=dtype)
    expected, _ = scores_by_loop(queries, keys, tau, "product", "exponential")
    scores, _ = resonance_field(Packed.from_list(*queries), Packed.from_list(*keys), Reading(tau))
    torch.testing.assert_close(scores.double(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("form", "gap"), READINGS)
def test_gradients_are_those_of_finite_differences(engine, form, gap):
    q, k = Packed.from_list(*pool([2, 7, 1])), Packed.from_list(*pool([3, 5], seed=1))
    pairs = torch.tensor([[0, 1], [1, 1], [2, 0], [1, 0]])

    def outputs(zq, a, zk, b, tau, weight):
        queries, keys = Packed(zq, a, q.offsets, weight), Packed(zk, b, k.offsets)
        scores, best = resonance_field(queries, keys, Reading(tau, form, gap))
        return scores, resonance_aware(queries, keys, best, pairs)

    tau, weight = torch.tensor(0.7, dtype=torch.float64), torch.rand(10, dtype=torch.float64) + 0.1
    leaves = [x.clone().requires_grad_() for x in (*q[:2], *k[:2], tau, weight)]
    assert torch.autograd.gradcheck(outputs, leaves)


def test_gradients_equal_plain_autograd_in_single_precision(engine):
    queries, keys = pool([9, 14], dtype=torch.float32), pool([8, 3, 7], 5, 1, torch.float32)
    leaves = [x.requires_grad_() for xs in (*queries, *keys) for x in xs]
    tau = torch.tensor(0.7, requires_grad=True)
    weight = torch.randn(2, 3)
    scores, _ = resonance_field(Packed.from_list(*queries), Packed.from_list(*keys), Reading(tau))
    plain = torch.stack(
        [
            torch.stack([method.resonance_score(method.resonance_matrix(zi, zj, a, b, tau)) for zj, b in zip(*keys)])
            for zi, a in zip(*queries)
        ]
    )
    ours = torch.autograd.grad((scores * weight).sum(), [*leaves, tau])
    theirs = torch.autograd.grad((plain * weight).sum(), [*leaves, tau])
    for x, y in zip(ours, theirs):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_resonance_aware_equals_equation_5(engine, weighted):
    queries, keys = pool([3, 8, 1]), pool([4, 6], seed=1)
    weight = torch.rand(12, dtype=torch.float64) if weighted else None
    q, k = Packed.from_list(*queries)._replace(weight=weight), Packed.from_list(*keys)
    pairs = torch.tensor([[2, 0], [0, 1], [1, 1], [0, 1], [1, 0]])
    r = resonance_aware(q, k, resonance_field(q, k, Reading(0.7))[1], pairs)
    parts = [None] * 3 if weight is None else weight.split([3, 8, 1])
    for row, (i, j) in zip(r, pairs.tolist()):
        R = method.resonance_matrix(queries[0][i], keys[0][j], queries[1][i], keys[1][j], torch.tensor(0.7))
        expected = method.resonance_aware(keys[0][j], R, highlights=parts[i])
        torch.testing.assert_close(row, expected)


def test_resonance_aware_of_no_pairs_is_empty():
    q, k = Packed.from_list(*pool([3])), Packed.from_list(*pool([4]))
    best = resonance_field(q, k, Reading(0.7))[1]
    none = torch.empty(0, 2, dtype=torch.int64)
    assert resonance_aware(q, k, best, none).shape == (0, 5)


def test_highlights_as_a_mask_leave_the_other_frames_out(engine):
    queries, keys = pool([6, 5]), pool([4, 3], seed=1)
    mask = torch.tensor([1, 0, 1, 1, 0, 0, 0, 1, 0, 1, 0])
    kept = [[x[m.bool()] for x, m in zip(part, mask.split([6, 5]))] for part in queries]
    k = Packed.from_list(*keys)
    masked, _ = resonance_field(Packed.from_list(*queries)._replace(weight=mask), k, Reading(0.7))
    torch.testing.assert_close(masked, resonance_field(Packed.from_list(*kept), k, Reading(0.7))[0])


def test_a_clip_without_highlights_scores_0_and_has_no_gradient(engine):
    q, k = Packed.from_list(*pool([3, 2])), Packed.from_list(*pool([4], seed=1))
    frames = q.frames.clone().requires_grad_()
    weight = torch.tensor([0, 0, 0, 1, 1.0])
    scores, _ = resonance_field(q._replace(frames=frames, weight=weight), k, Reading(0.7))
    scores.sum().backward()
    assert scores[0].item() == 0
    assert frames.grad is not None
    assert (frames.grad[:3] == 0).all()
    assert (frames.grad[3:] != 0).any()


def test_of_equal_frames_the_compiled_engine_takes_the_first():
    (frame,), (intensity,) = pool([4], seed=1)
    twice = Packed.from_list([torch.cat([frame, frame])], [torch.cat([intensity, intensity])])
    _, best = resonance_field(Packed.from_list(*pool([9])), twice, Reading(0.7))
    assert best.max() < 4


@pytest.mark.parametrize("spread", [1.0, 150.0, 1e4])
def test_intensities_far_apart_keep_their_synchrony(engine, spread):
    queries, keys = pool([6, 3], dtype=torch.float32), pool([4, 5], 5, 1, torch.float32)
    for _, intensity in (queries, keys):
        for x in intensity:
            x.mul_(spread).add_(1000)
    expected, _ = scores_by_loop(queries, keys, 1.0, "product", "exponential")
    scores, _ = resonance_field(Packed.from_list(*queries), Packed.from_list(*keys), Reading(1.0))
    torch.testing.assert_close(scores.double(), expected, rtol=2e-4, atol=1e-7)


def test_frames_of_zeros_resonate_half_and_get_no_gradient(engine):
    z = torch.zeros(3, 5, requires_grad=True)
    silent = Packed.from_list([z], [torch.zeros(3)])
    scores, _ = resonance_field(silent, silent, Reading(1.0))
    scores.sum().backward()
    assert scores.item() == 0.5
    assert torch.equal(z.grad, torch.zeros(3, 5))


def test_threads_change_no_bit(engine, threads, monkeypatch):
    q = Packed.from_list(*pool([9, 4, 7, 2, 12], dtype=torch.float32))
    k = Packed.from_list(*pool([5, 8, 3], 5, 1, torch.float32))

    def everything():
        leaves = [x.clone().requires_grad_() for x in (*q[:2], *k[:2])]
        queries, keys = Packed(*leaves[:2], q.offsets), Packed(*leaves[2:], k.offsets)
        scores, best = resonance_field(queries, keys, Reading(0.7))
        weight = torch.arange(15.0).view(5, 3)
        return [scores, best, *torch.autograd.grad((scores * weight).sum(), leaves)]

    alone = everything()
    monkeypatch.setattr(cpu, "_WORTH_THREADS", 0)
    for x, y, z in zip(alone, everything(), everything()):
        assert torch.equal(x, y)
        assert torch.equal(y, z)
    assert torch.get_num_threads() == 2


def test_threads_work_in_inference_mode_and_hand_on_errors(threads, monkeypatch):
    monkeypatch.setattr(cpu, "_WORTH_THREADS", 0)
    monkeypatch.setattr(cpu, "QUERY_ROWS", 6)
    monkeypatch.setattr(cpu, "KEY_ROWS", 5)
    q, k = Packed.from_list(*pool([6, 6])), Packed.from_list(*pool([8, 3], seed=1))
    outside, _ = resonance_field(q, k, Reading(0.7))
    with torch.inference_mode():
        inside, _ = resonance_field(q, k, Reading(0.7))
    assert torch.equal(outside, inside)

    def fail(*_):
        raise RuntimeError("no memory")

    monkeypatch.setattr(cpu, "_clip_means", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        resonance_field(q, k, Reading(0.7))
    assert torch.get_num_threads() == 2


def test_a_clips_scores_do_not_depend_on_its_companions(engine):
    queries, keys = pool([5, 30, 2]), pool([4, 9], seed=1)
    together, _ = resonance_field(Packed.from_list(*queries), Packed.from_list(*keys), Reading(0.7))
    for i in range(3):
        alone = [part[i : i + 1] for part in queries]
        scores, _ = resonance_field(Packed.from_list(*alone), Packed.from_list(*keys), Reading(0.7))
        torch.testing.assert_close(scores[0], together[i], rtol=1e-12, atol=0)


def test_a_forward_pass_keeps_its_inputs_and_the_argmax_only():
    q = Packed.from_list(*pool([40, 60], dtype=torch.float32))
    k = Packed.from_list(*pool([50, 30], 5, 1, torch.float32))
    q = q._replace(frames=q.frames.requires_grad_(), weight=torch.rand(100))
    kept = {}

    def note(x):
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        _, best = resonance_field(q, k, Reading(0.7))
    allowed = sum(x.numel() * x.element_size() for x in (*q, *k[:3], best))
    tau = 4
    assert sum(kept.values()) <= allowed + tau


def test_other_float_types_fall_back_to_plain_torch():
    q, k = Packed.from_list(*pool([5, 3])), Packed.from_list(*pool([4], seed=1))
    exact, _ = resonance_field(q, k, Reading(0.7))
    q, k = (clips._replace(frames=clips.frames.bfloat16()) for clips in (q, k))
    rough, _ = resonance_field(q, k, Reading(0.7))
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.double(), exact, rtol=0.05, atol=0)


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_alone_are_those_of_the_field(engine, weighted):
    q, k = Packed.from_list(*pool([5, 13, 2])), Packed.from_list(*pool([4, 9], seed=1))
    q = q._replace(weight=torch.rand(20, dtype=torch.float64) if weighted else None)
    expected, _ = resonance_field(q, k, Reading(0.7))
    q.frames.requires_grad_()
    ours = field_scores(q, k, Reading(0.7))
    assert torch.equal(ours, expected)
    assert not ours.requires_grad
