"""The loop: one batch's losses against the equations clip by clip, batches, assignments and interruption."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from sere import method
from sere.training.loop import Chain, Settings, highlight_weights
from sere.training.network import Pool, ResonanceNetwork, Space

DEFAULTS = {
    "learning_rate": 1e-2,
    "batch_size": 4,
    "shot_weight": 1.0,
    "prototype_weight": 1.0,
    "dual_weight": 0.3,
    "field_weight": 0.3,
    "drift_weight": 1.0,
    "form": "product",
    "gap": "exponential",
    "highlight_share": 1.0,
    "assignment": "class",
    "field_share": 0.5,
    "sharpness": 3.0,
    "balance": 1.0,
    "prototype_source": 1.0,
    "prototype_pool": "both",
    "pool_weight": 1.0,
    "experience_weight": 2.0,
    "experience_shots": 5.0,
    "encoder_learning_rate": 1e-5,
    "prototype_form": "softmax",
    "dual_distance": "cosine",
    "dual_detach": True,
    "dual_by_field": False,
    "soft_argmax": None,
    "symmetric": False,
    "early_stopping": False,
    "patience": 10,
    "on_interrupt": "raise",
}


def settings(**changes):
    known = {**DEFAULTS, "epochs": 1, **changes}
    return Settings(**{name: known[name] for name in Settings.__dataclass_fields__})


def pool(n, seed):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, 7, (n,), generator=generator)
    total = int(lengths.sum())
    offsets = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])
    parts = [torch.randn(rows, width, generator=generator) for rows, width in ((n, 3), (total, 3), (total, 4))]
    return Pool((Space(0, *parts, offsets, torch.zeros(n, 0)),))


Y = torch.tensor([0, 1, 2, 0, 1])


def chain(source=7, target=9, seed=0, **changes):
    """A chain over random clips with a network that has left its start."""
    rng = np.random.default_rng(seed)
    network = ResonanceNetwork([(rng.normal(size=(3, 3)), rng.normal(size=(3, 3)))], "feature", "abs", 0.4, 0.8)
    with torch.no_grad():
        for value in network.parameters():
            value.add_(torch.tensor(rng.normal(0, 0.2, tuple(value.shape)), dtype=torch.float32))
    pools = [pool(n, k) if n else None for k, n in ((1, source), (2, target))]
    return Chain(network, pool(5, 0), Y, 3, *pools, settings(**changes), seed)


def clips_of(embedded):
    """Unpacked: a list of (frames, intensity)."""
    lengths = embedded.packed.lengths.tolist()
    return list(zip(embedded.packed.frames.split(lengths), embedded.packed.intensity.split(lengths), strict=True))


class Literal:
    """Eq. 4-9 for pairs of clips, one after the other."""

    def __init__(self, run):
        self.tau = run.network.tau
        self.options = {"form": run.settings.form, "gap": run.settings.gap}
        self.share = run.settings.highlight_share

    def matrix(self, i, j):
        return method.resonance_matrix(i[0], j[0], i[1], j[1], self.tau, **self.options)

    def score(self, i, j):
        return method.resonance_score(self.matrix(i, j), method.highlight_frames(i[1], self.share))

    def aware(self, i, j):
        """What of clip j answers clip i."""
        return method.resonance_aware(j[0], self.matrix(i, j), highlights=method.highlight_frames(i[1], self.share))


def literal_losses(run, batch):
    """Every loss of a batch, from the functions of the paper on single clips."""
    say = Literal(run)
    scale = np.exp(run.log_scale)
    labeled = run.network(run.labeled)
    shots = clips_of(labeled)
    pools = {name: clips_of(run.network(run.pools[name].take(rows))) for name, rows in batch.items()}
    losses = {"shots": method.shot_loss(-scale * torch.cdist(labeled.clips, run.prototypes).square(), Y)}
    prototype, dual, field = [], [], []
    for name, rows in batch.items():
        assigned = run.assigned[name]
        classes, anchors = assigned.classes[rows], assigned.anchors[rows]
        r = torch.stack([say.aware(shots[a], clip) for a, clip in zip(anchors, pools[name], strict=True)])
        prototype.append(method.prototype_loss(r, run.prototypes, classes, scale))
        irf = torch.stack([torch.stack([say.score(shot, clip) for shot in shots]) for clip in pools[name]])
        mean = torch.stack([irf[:, c == Y].mean(1) for c in range(3)], dim=1)
        mean = mean - mean.mean(0)
        mean = mean - mean.mean(1, keepdim=True)
        logits = run.settings.sharpness * mean / mean.std().detach()
        field.append(torch.stack([F.cross_entropy(s[None], p[None]) for s, p in zip(logits, classes)]).mean())
        if name == "source":
            back = torch.stack([say.aware(clip, shots[a]) for a, clip in zip(anchors, pools[name], strict=True)])
            dual.append(method.dual_resonance_loss(r, back))
    if len(batch) == 2:
        irf = torch.stack([torch.stack([say.score(s, t) for s in pools["source"]]) for t in pools["target"]]).detach()
        agree = run.assigned["target"].classes[batch["target"]] @ run.assigned["source"].classes[batch["source"]].T
        reference = (method.remove_hubs(irf) + agree * irf.std(correction=0)).argmax(1)
        pairs = [(pools["source"][s], clip) for s, clip in zip(reference, pools["target"], strict=True)]
        r, back = (
            torch.stack(side) for side in ([say.aware(s, t) for s, t in pairs], [say.aware(t, s) for s, t in pairs])
        )
        dual.append(method.dual_resonance_loss(r, back))
    for name, terms in (("prototype", prototype), ("dual", dual), ("field", field)):
        if terms:
            losses[name] = torch.stack(terms).mean()
    return losses


READINGS = [
    {},
    {"form": "raw"},
    {"form": "sum", "gap": "gaussian"},
    {"highlight_share": 0.4},
    {"assignment": "anchor"},
    {"assignment": "class", "prototype_source": 0.0},
    {"source": 0},
    {"target": 0},
]


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_the_losses_of_a_batch_are_those_of_the_equations_clip_by_clip(reading):
    run = chain(**reading)
    run.look()
    batch = next(run._batches())
    found, expected = run._losses(batch), literal_losses(run, batch)
    assert set(found) == {*expected, "drift"}
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=2e-4, atol=2e-5, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("reading", READINGS[:4], ids=str)
def test_gradients_of_the_losses_are_those_of_the_equations(reading):
    run = chain(**reading)
    run.look()
    batch = next(run._batches())
    weights = dict(zip(("shots", "prototype", "dual", "field"), (1.0, 0.7, 0.5, 0.3), strict=True))
    found, expected = (
        torch.autograd.grad(
            sum(w * losses[name] for name, w in weights.items()), list(run.network.parameters()), allow_unused=True
        )
        for losses in (run._losses(batch), literal_losses(run, batch))
    )
    size = max(float(g.abs().max()) for g in expected if g is not None)
    # The pairs take the temperature as given, the scores train it: only the field's share reaches it in both.
    for (name, _), a, b in zip(run.network.named_parameters(), found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=2e-3, atol=2e-4 * size, msg=lambda m, name=name: f"{name}: {m}")


def test_the_field_of_a_pool_is_the_irf_of_every_clip_with_every_shot(monkeypatch):
    monkeypatch.setattr("sere.training.loop.CHUNK", 4)
    run = chain(highlight_share=0.5)
    run.look()
    say = Literal(run)
    shots, clips = (clips_of(run.network(part)) for part in (run.labeled, run.pools["target"]))
    embeddings, _, field = run._field_of(run.pools["target"], run.network(run.labeled))
    for j, clip in enumerate(clips):
        torch.testing.assert_close(embeddings[j], clip[0].mean(0))
        for s, shot in enumerate(shots):
            torch.testing.assert_close(field.scores[j, s], say.score(shot, clip), rtol=1e-4, atol=1e-6)


def test_highlights_are_marked_clip_by_clip():
    packed = chain().network(pool(4, 5)).packed
    marks = highlight_weights(packed, 0.5)
    for own, intensity in zip(
        marks.split(packed.lengths.tolist()), packed.intensity.split(packed.lengths.tolist()), strict=True
    ):
        assert own.bool().equal(method.highlight_frames(intensity, 0.5))
    assert highlight_weights(packed, 1.0) is None


@pytest.mark.parametrize(("source", "target", "batch_size"), [(7, 9, 4), (3, 11, 4), (12, 2, 5), (1, 1, 8), (0, 5, 2)])
def test_an_epoch_passes_every_clip_of_the_larger_pool(source, target, batch_size):
    run = chain(source, target, batch_size=batch_size)
    seen = {name: [] for name in run.pools}
    for batch in run._batches():
        for name, rows in batch.items():
            assert rows.diff().gt(0).all()
            assert 0 < len(rows) <= batch_size
            seen[name] += rows.tolist()
    larger = "source" if source > target else "target"
    assert set(seen[larger]) == set(range(max(source, target)))


def test_without_pools_an_epoch_is_one_step_on_the_shots():
    run = chain(0, 0)
    assert list(run._batches()) == [{}]
    run.look()
    losses = run._losses({})
    assert set(losses) == {"shots", "drift", "field"}
    assert float(losses["field"]) == 0


def test_the_prototypes_are_equation_7_over_both_pools():
    run = chain(assignment="anchor", prototype_source=0.0)
    run.look()
    shots = run.network(run.labeled).clips
    for c in range(3):
        members = [shots[i] for i in range(5) if Y[i] == c]
        for name in ("source", "target"):
            members += [shots[a] for a in run.assigned[name].anchors if Y[a] == c]
        torch.testing.assert_close(run.prototypes[c], torch.stack(members).mean(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kept", ["source", "target"])
def test_prototypes_listen_to_one_pool_where_asked_to(kept):
    both = {"source": 7, "target": 9}
    run, alone = chain(prototype_pool=kept), chain(**{name: n if name == kept else 0 for name, n in both.items()})
    for each in (run, alone):
        each.log_scale = 0.0
        each.look()
    torch.testing.assert_close(run.prototypes, alone.prototypes)


def test_pool_weight_0_leaves_the_means_of_the_shots():
    run = chain(pool_weight=0.0)
    run.look()
    shots = run.network(run.labeled).clips
    expected = torch.stack([shots[c == Y].mean(0) for c in range(3)])
    torch.testing.assert_close(run.prototypes, expected)


def test_balance_asks_for_equal_shares():
    run = chain(0, 40)
    run.look()
    np.testing.assert_allclose(run.assigned["target"].classes.mean(0), 1 / 3, atol=0.01)


def test_the_anchor_of_a_clip_is_a_shot_of_its_class():
    run = chain()
    run.look()
    for assigned in run.assigned.values():
        assert Y[assigned.anchors].equal(assigned.classes.argmax(1))


@pytest.mark.parametrize("name", ["shot_weight", "prototype_weight", "dual_weight", "field_weight", "drift_weight"])
def test_a_loss_of_weight_0_is_reported_and_left_out(name):
    (full,), (without,) = record_of(chain()), record_of(chain(**{name: 0.0}))
    term = {"shot_weight": "shots"}.get(name, name.removesuffix("_weight"))
    assert term in without
    assert without["loss"] != full["loss"]


def record_of(run, epochs=1):
    records = []
    run.run(epochs, records.append)
    return records


def test_the_loss_is_the_weighted_sum_of_its_terms():
    (record,) = record_of(chain(batch_size=100))
    terms = {"shots": 1.0, "prototype": 1.0, "dual": 0.3, "field": 0.3, "drift": 1.0}
    assert record["loss"] == pytest.approx(sum(weight * record[name] for name, weight in terms.items()), rel=1e-5)


def test_training_lowers_the_loss():
    records = record_of(chain(batch_size=100), 15)
    assert records[-1]["loss"] < records[0]["loss"]


def test_the_same_seed_gives_the_same_bits_and_another_other_batches():
    first, second, other = (record_of(chain(seed=0), 2), record_of(chain(seed=0), 2), chain(seed=0))
    other.random = np.random.default_rng(1)
    assert [r["loss"] for r in first] == [r["loss"] for r in second]
    assert [r["loss"] for r in first] != [r["loss"] for r in record_of(other, 2)]


def test_a_true_answer_of_the_report_stops():
    run, records = chain(), []
    assert run.run(9, lambda record: records.append(record) or len(records) == 2) is False
    assert len(records) == 2


@pytest.mark.parametrize("when", ["report", "step"])
@pytest.mark.parametrize("on_interrupt", ["keep", "raise"])
def test_an_interruption_stops_or_keeps_the_last_whole_epoch(when, on_interrupt):
    run, states = chain(on_interrupt=on_interrupt), []

    def report(record):
        states.append({k: v.clone() for k, v in run.network.state_dict().items()})
        if when == "step":
            run._losses = interrupt
        elif len(states) == 2:
            raise KeyboardInterrupt

    def interrupt(batch):
        with torch.no_grad():
            run.network.log_tau.add_(1)
        raise KeyboardInterrupt

    if on_interrupt == "raise":
        with pytest.raises(KeyboardInterrupt):
            run.run(9, report)
        return
    assert run.run(9, report) is True
    assert len(states) == (1 if when == "step" else 2)
    for name, value in run.network.state_dict().items():
        assert value.equal(states[-1][name])


def test_a_pool_of_one_clip_trains():
    for sizes in ((1, 1), (1, 5), (5, 1)):
        (record,) = record_of(chain(*sizes))
        assert np.isfinite(record["loss"])
