"""The loop: one batch's losses against the equations clip by clip, batches, looks and interruption."""

import numpy as np
import pytest
import torch
from chains import Literal, Y, chain, clips_of, literal_terms, members, pool

from sere.chain.losses import Minibatch
from sere.training.stopping import Stopping


def literal_losses(run, rows):
    """Every loss of some clips of both pools, from what the last look left."""
    member = torch.zeros(5, 3)
    for c in range(3):
        member[members(c), c] = 1 / len(members(c))
    batch = Minibatch(
        shots=run.network(run.clips.labeled),
        y=Y,
        member=member,
        pools={name: run.network(run.clips.pools[name].take(own)) for name, own in rows.items()},
        classes={name: run.assigned[name].classes[own] for name, own in rows.items()},
        anchors={name: run.assigned[name].anchors[own] for name, own in rows.items()},
        prototypes=run.prototypes,
        decision=run.decision,
        sharpness=run.rooms.assignment.sharpness,
        log_tau=run.network.log_tau,
        drift=run.network.drift(),
    )
    return literal_terms(batch, run.rooms.field, run.rooms.losses)


def losses_of(run, rows):
    """What the loop hands to the room of the losses, and what that makes of it."""
    return run.rooms.losses.terms(run._minibatch(rows), run.rooms.field)


READINGS = [
    {},
    {"field__form": "raw"},
    {"field__form": "sum", "field__gap": "gaussian"},
    {"field__highlight_share": 0.4},
    {"assignment__by": "anchor"},
    {"prototypes__own_share": 0.0},
    {"assignment__sharpness": 2.0},
    {"source": 0},
    {"target": 0},
]


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_the_losses_of_a_batch_are_those_of_the_equations_clip_by_clip(reading):
    run = chain(**reading)
    run.look()
    batch = next(run._batches())
    found, expected = losses_of(run, batch), literal_losses(run, batch)
    assert set(found) == {*expected, "drift"}
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=2e-4, atol=2e-5, msg=lambda m, name=name: f"{name}: {m}")
    torch.testing.assert_close(found["drift"], run.network.drift())
    assert found["drift"] > 0


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
        for losses in (losses_of(run, batch), literal_losses(run, batch))
    )
    size = max(float(g.abs().max()) for g in expected if g is not None)
    # The pairs take the temperature as given, the scores train it: only the field's share reaches it in both.
    for (name, _), a, b in zip(run.network.named_parameters(), found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=2e-3, atol=2e-4 * size, msg=lambda m, name=name: f"{name}: {m}")


def test_the_field_of_a_pool_is_the_irf_of_every_clip_with_every_shot(monkeypatch):
    monkeypatch.setattr("sere.training.loop.CHUNK", 4)
    run = chain(field__highlight_share=0.5)
    run.look()
    say = Literal(run.rooms.field, run.network.tau)
    shots, clips = (clips_of(run.network(part).packed) for part in (run.clips.labeled, run.clips.pools["target"]))
    seen = run.seen["target"]
    assert seen.candidates.scores.shape == (len(clips), len(shots)) == (9, 5)
    for j, clip in enumerate(clips):
        torch.testing.assert_close(seen.clips[j], clip[0].mean(0))
        for s, shot in enumerate(shots):
            torch.testing.assert_close(seen.candidates.scores[j, s], say.score(shot, clip), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("source", "target", "batch_size"), [(7, 9, 4), (3, 11, 4), (12, 2, 5), (1, 1, 8), (0, 5, 2)])
def test_an_epoch_passes_every_clip_of_the_larger_pool(source, target, batch_size):
    run = chain(source, target, batch_size=batch_size)
    seen = {name: [] for name in run.clips.pools}
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
    losses = losses_of(run, {})
    assert set(losses) == {"shots", "drift", "field"}
    assert float(losses["field"]) == 0


def test_the_prototypes_are_equation_7_over_both_pools():
    run = chain(assignment__by="anchor", prototypes__own_share=0.0)
    run.look()
    shots = run.network(run.clips.labeled).clips
    for c in range(3):
        joined = [shots[i] for i in members(c)]
        for name in ("source", "target"):
            joined += [shots[a] for a in run.assigned[name].anchors if Y[a] == c]
        torch.testing.assert_close(run.prototypes[c], torch.stack(joined).mean(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kept", ["source", "target"])
def test_prototypes_listen_to_one_pool_where_asked_to(kept):
    both = {"source": 7, "target": 9}
    run = chain(prototypes__pool=kept)
    alone = chain(**{name: n if name == kept else 0 for name, n in both.items()})
    run.look()
    alone.look()
    alone.decision.scale = run.decision.scale  # which all clips of fit have a part in
    for each in (run, alone):
        each.look()
    torch.testing.assert_close(run.prototypes, alone.prototypes)
    assert not torch.allclose(run.prototypes, looked_at(chain()).prototypes)


def looked_at(run):
    run.look()
    return run


def test_imaginary_clips_start_the_prototypes_with_the_weight_that_experience_has():
    imagined = pool(4, 3), torch.tensor([0, 0, 0, 2])
    run = looked_at(chain(imagined=imagined, prototypes__experience_shots=6.0, prototypes__pool_weight=0.0))
    shots, dreamt = (run.network(part).clips for part in (run.clips.labeled, imagined[0]))
    torch.testing.assert_close(run.prototypes[0], (shots[[0, 3]].sum(0) + 2 * dreamt[:3].sum(0)) / 8)
    torch.testing.assert_close(run.prototypes[1], shots[[1, 4]].mean(0))
    torch.testing.assert_close(run.prototypes[2], (shots[2] + 6 * dreamt[3]) / 7)
    without = {"prototypes__experience_shots": 0.0, "prototypes__pool_weight": 0.0}
    means = torch.stack([shots[members(c)].mean(0) for c in range(3)])
    torch.testing.assert_close(looked_at(chain(imagined=imagined, **without)).prototypes, means)


def test_the_scales_of_a_decision_are_found_once():
    run = looked_at(chain())
    first = run.decision
    scale = first.scale
    record_of(run, 2)
    assert run.decision is first
    assert first.scale == scale


def test_predictions_of_the_judged_pool_spread_as_an_assignments_scores_do():
    for sizes, judged in (((7, 9), "target"), ((7, 0), "source")):
        run = looked_at(chain(*sizes, assignment__sharpness=2.0))
        scores = run.scores(judged)
        assert float((scores - scores.mean(1, keepdim=True)).std(correction=0)) == pytest.approx(2, rel=1e-4)


def test_the_anchor_of_a_clip_is_a_shot_of_its_class():
    run = looked_at(chain())
    for assigned in run.assigned.values():
        assert Y[assigned.anchors].equal(assigned.classes.argmax(1))


WEIGHTS = ["shot_weight", "prototype_weight", "dual_weight", "field_weight", "drift_weight"]


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_loss_of_weight_0_is_reported_and_left_out(name):
    (full,), (without,) = record_of(chain()), record_of(chain(**{f"losses__{name}": 0.0}))
    term = {"shot_weight": "shots"}.get(name, name.removesuffix("_weight"))
    assert term in without
    assert without["loss"] != full["loss"]


def record_of(run, epochs=1):
    records = []
    run.run(epochs, records.append, Stopping())
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
    assert run.run(9, lambda record: records.append(record) or len(records) == 2, Stopping()) is False
    assert len(records) == 2


@pytest.mark.parametrize("when", ["report", "step"])
@pytest.mark.parametrize("keep", [True, False])
def test_an_interruption_stops_or_keeps_the_last_whole_epoch(when, keep):
    run, states = chain(), []

    def report(record):
        states.append({k: v.clone() for k, v in run.network.state_dict().items()})
        if when == "step":
            run._minibatch = interrupt
        elif len(states) == 2:
            raise KeyboardInterrupt

    def interrupt(batch):
        with torch.no_grad():
            run.network.log_tau.add_(1)
        raise KeyboardInterrupt

    if not keep:
        with pytest.raises(KeyboardInterrupt):
            run.run(9, report, Stopping())
        return
    assert run.run(9, report, Stopping(), keep=True) is True
    assert len(states) == (1 if when == "step" else 2)
    for name, value in run.network.state_dict().items():
        assert value.equal(states[-1][name])


def test_a_pool_of_one_clip_trains():
    for sizes in ((1, 1), (1, 5), (5, 1)):
        (record,) = record_of(chain(*sizes))
        assert np.isfinite(record["loss"])
