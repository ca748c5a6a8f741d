"""One fit from embedded clips to a model that holds numpy only: prepared, trained, frozen."""

import warnings
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.base import clone

from sere.audio import FRAME_RATE
from sere.chain import Assignment, Embedding, Prototypes, ResonanceField, SelfTrainingHead, TripleResonance
from sere.chain.decision import temperature_for
from sere.chain.self_training import SelfTrained
from sere.encoders.base import FrameEncoder
from sere.inputs.caller import user_level
from sere.inputs.params import resolve_device
from sere.inputs.reading import SereWarning
from sere.inputs.utterances import Utterances
from sere.kernels.workers import small_operations
from sere.progress import progress
from sere.training.domains import SOURCE, domain_pools, domain_starts, learn_domains
from sere.training.fronts import OpenSpace, finish, start_fronts
from sere.training.loop import CHUNK, Chain, Clips, Rooms
from sere.training.model import FittedModel, FrozenFront
from sere.training.network import Pool, ResonanceNetwork
from sere.training.prepare import Preparation
from sere.training.spaces import Standardised, StandardisedPool, check_fronts
from sere.training.starts import Survey, survey
from sere.training.stopping import Stopping
from sere.training.subspace import WIDTH, Bases, into, starts_into, state_into, training_bases
from sere.training.thinning import kept_frames, thinned


@dataclass(frozen=True)
class Given:
    """What a fit was given, embedded.

    Attributes
    ----------
    labeled : Utterances
    y : int ndarray of shape (n,)
        Class of each labeled clip.
    classes : ndarray of shape (n_classes,)
        Labels.
    source : Utterances or None
    targets : list of Utterances
    """

    labeled: Utterances
    y: np.ndarray
    classes: np.ndarray
    source: Utterances | None
    targets: list[Utterances]

    @property
    def everyone(self) -> list[Utterances]:
        """All groups of clips that there are."""
        return [self.labeled, *([] if self.source is None else [self.source]), *self.targets]

    @property
    def parts(self) -> tuple[Utterances, Utterances | None, list[Utterances]]:
        """Labeled clips, source pool, target pools."""
        return self.labeled, self.source, self.targets

    @property
    def says_who_speaks(self) -> bool:
        """Whether each clip of the target pools has a speaker; feature vectors have nobody to name."""
        return all(speaker is not None for pool in self.targets if pool.clips is not None for speaker in pool.speakers)

    def thinned(self, frame_rate: float) -> "Given":
        """The same with thinned clips."""
        source = None if self.source is None else thinned(self.source, frame_rate)
        targets = [thinned(pool, frame_rate) for pool in self.targets]
        return Given(thinned(self.labeled, frame_rate), self.y, self.classes, source, targets)

    def finished(self, fronts: dict[str, torch.nn.Module]) -> "Given":
        """The same gone through untrained fronts."""
        source = None if self.source is None else finish(self.source, fronts)
        targets = [finish(pool, fronts) for pool in self.targets]
        return Given(finish(self.labeled, fronts), self.y, self.classes, source, targets)


class Steps(NamedTuple):
    """The rooms that a classifier was given, its defaults where it was given none."""

    embedding: Embedding
    field: ResonanceField
    assignment: Assignment
    prototypes: Prototypes
    losses: TripleResonance
    self_training: SelfTrainingHead

    @classmethod
    def of(cls, classifier: Any) -> "Steps":
        """Copies of a classifier's."""
        made = {name: room() for name, room in cls.__annotations__.items()}
        given = {name: getattr(classifier, name) for name in made}
        return cls(**{name: made[name] if room is None else clone(room) for name, room in given.items()})


@dataclass
class Prepared:
    """All that is learned before training.

    Attributes
    ----------
    preparation : Preparation
    languages : dict of str to set of str
        Of each domain.
    pools : dict of str to (StandardisedPool, ndarray)
        Standardised clips by role, those with a front still to go through it, and the row each came from; none after
        :meth:`let_go`.
    starts : list of (ndarray, ndarray)
        Starting projections.
    surveys : dict of str to Survey
        How each encoder's columns vary.
    shot_frames : list of int ndarray
        Which frames of each labeled clip take part.
    shot_order : int ndarray
        The row that each clip of the labeled pool came from.
    described : dict of str to (ndarray or OpenSpace)
        By encoder, what describes each clip of the target pool as a whole; those with a front still to go through it.
    """

    preparation: Preparation
    languages: dict[str, set[str]]
    pools: dict[str, tuple[StandardisedPool, np.ndarray]]
    starts: list[tuple[np.ndarray, np.ndarray]]
    surveys: dict[str, Survey] = field(repr=False)
    shot_frames: list[np.ndarray]
    shot_order: np.ndarray
    described: dict[str, np.ndarray | OpenSpace]

    @classmethod
    def by(cls, given: Given, steps: Steps, shrinkage: float, fronts: dict[str, torch.nn.Module]) -> "Prepared":
        """Learn from clips, as untrained fronts give them."""
        preparation = Preparation(shrinkage, steps.field.frame_rate)
        for group in given.everyone:
            check_fronts(group, fronts)
        if fronts:  # what comes out of them is a new copy, so it had better be a thin one
            given = given.thinned(preparation.frame_rate)
        done = given.finished(fronts)
        languages = learn_domains(preparation, *done.parts)
        preparation.recognise(list(given.classes), done.labeled, given.y, SOURCE)
        pools = domain_pools(preparation, *done.parts)
        averaged = {name: own for group in done.everyone for name, own in group.averaged.items()}
        width = max(WIDTH, steps.embedding.dim)
        surveys = survey(preparation, [pool for pool, _ in pools.values()], averaged, width)
        starts = domain_starts(preparation, pools, *done.parts, steps.embedding, surveys)
        if fronts:
            pools = domain_pools(preparation, *given.parts)
        shot_frames, shot_order = kept_frames(given.labeled, preparation.frame_rate), pools["labeled"][1]
        targets = pools["target"][0].spaces if given.targets else ()
        described = {
            preparation.names[space.index]: space.rows() if isinstance(space, Standardised) else space
            for space in targets
        }
        return cls(preparation, languages, pools, starts, surveys, shot_frames, shot_order, described)

    def let_go(self) -> None:
        """Forget the frames: training has its own, the same ones or coordinates, which are a small part of them."""
        self.pools = {}


def fit_model(
    params: Any, given: Given, seed: int, tasks: Any, previous: FittedModel | None = None, first_epoch: int = 0
) -> tuple[FittedModel, list[dict[str, Any]], str]:
    """Standardise, train and freeze.

    Parameters
    ----------
    params : SEREClassifier
        Read only, for its parameters.
    given : Given
    seed : int
    tasks : EpochTasks
        Is told of each epoch.
    previous : FittedModel, optional
        Where the network starts.
    first_epoch : int
        Number of the first record; 0 where `previous` does not fit.

    Returns
    -------
    model : FittedModel
    records : list of dict
        One an epoch.
    stopped : str
        As in :class:`sere.SEREClassifier`.
    """
    device, steps = resolve_device(params.device), Steps.of(params)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoders, fronts = start_fronts(given.everyone, device)
        ready = Prepared.by(given, steps, params.speaker_shrinkage, fronts)
        before = _state_of(previous, ready.preparation) if previous is not None else {}
        bases = training_bases(ready.preparation, ready.surveys, ready.starts, before, fixed=fronts)
        network, goes_on = _network(ready, steps, bases, fronts, state_into(before, bases))
        if previous is not None and not goes_on:
            first_epoch = 0
            warnings.warn(
                "warm_start=True, but the last fit's network has another shape; training starts anew",
                SereWarning,
                stacklevel=user_level(),
            )
        clips = _clips(ready, given, bases, device)
        ready.let_go()
        rates = float(params.learning_rate), float(params.encoder_learning_rate)
        rooms = _rooms(steps, clips)
        chain = Chain(network.to(device), clips, rooms, params.batch_size, rates, seed)
        records: list[dict[str, Any]] = []
        stopped = "epochs"
        with progress(params.epochs, "epochs", "epoch", params.verbose) as bar:

            def report(record: dict[str, Any]) -> bool:
                nonlocal stopped
                record = {"epoch": first_epoch + len(records), **record}
                records.append(record)
                bar.update()
                if any([tasks.end(), *(bool(callback(record)) for callback in params.callbacks)]):
                    stopped = "callback"
                elif len(records) < params.epochs and not stopping.tired:
                    tasks.begin()
                return stopped == "callback"

            stopping = Stopping(params.early_stopping, params.patience, "target" if given.targets else "source")
            if params.epochs:
                tasks.begin()
            with nullcontext() if fronts or device != "cpu" else small_operations():
                if chain.run(params.epochs, report, stopping, keep=params.on_interrupt == "keep"):
                    stopped = "interrupt"
                elif stopping.tired:
                    stopped = "early_stopping"
        clips.pools.clear()  # all that was to be seen of them was seen
        model = _freeze(chain, ready, given.y, steps, bases, encoders)
        if given.targets and steps.self_training.weight:
            model.self_trained = _self_train(chain, ready, steps.self_training, device)
        if chain.seen:
            pool = chain.seen["target" if given.targets else "source"]
            model.temperature = temperature_for(pool.evidence.cpu().numpy(), given.says_who_speaks)
    return model, records, stopped


def _network(
    ready: Prepared, steps: Steps, bases: Bases, fronts: dict[str, torch.nn.Module], before: dict[str, torch.Tensor]
) -> tuple[ResonanceNetwork, bool]:
    """Make the network; also returns whether it goes on from a state."""
    index = ready.preparation.names.index
    own = {index(name): front for name, front in fronts.items()}
    network = ResonanceNetwork(starts_into(ready.starts, bases), steps.embedding, steps.field, own)
    goes_on = {k: v.shape for k, v in before.items()} == {k: v.shape for k, v in network.state_dict().items()}
    if goes_on:
        network.load_state_dict(before)
    return network, goes_on


def _clips(ready: Prepared, given: Given, bases: Bases, device: str) -> Clips:
    """Take what is trained on to the device, wide columns as coordinates."""
    pools = {name: into(Pool.of(pool), bases).to(torch.float32, device) for name, (pool, _) in ready.pools.items()}
    codes = torch.from_numpy(np.asarray(given.y)[ready.shot_order]).to(device)
    imagined = ready.preparation.imagined()
    known = None
    if imagined is not None:
        known = into(Pool.of(imagined[0]), bases).to(torch.float32, device), torch.from_numpy(imagined[1]).to(device)
    return Clips(pools.pop("labeled"), codes, len(given.classes), pools, known)


def _rooms(steps: Steps, clips: Clips) -> Rooms:
    """Settle what the rooms leave open, which depends on whether experience knows any of the classes."""
    experienced = clips.imagined is not None
    prototypes = steps.prototypes.settled(experienced, "target" in clips.pools)
    return Rooms(steps.field, steps.assignment, prototypes, steps.losses.settled(experienced))


def _state_of(previous: FittedModel, preparation: Preparation) -> dict[str, torch.Tensor]:
    """The state of a fitted model's network and fronts, the latter numbered as now."""
    state = {name: torch.from_numpy(value) for name, value in previous.network.items()}
    for encoder, frozen in previous.fronts.items():
        if encoder in preparation.names:
            prefix = f"fronts.{preparation.names.index(encoder)}."
            state |= {prefix + name: torch.from_numpy(value) for name, value in frozen.state.items()}
    return state


@torch.no_grad()
def _self_train(chain: Chain, ready: Prepared, self_training: SelfTrainingHead, device: str) -> SelfTrained:
    """Let the answers on the target pool teach a head."""
    rows = {}
    for name, known in ready.described.items():
        if isinstance(known, OpenSpace):
            parts = map(known.take, torch.arange(len(known)).split(CHUNK))
            closed = (chain.network.finished(part.to(torch.float32, device)) for part in parts)
            known = np.concatenate([part.arrays().rows() for part in closed])
        rows[name] = known
    words = [ready.surveys[name].words for name in rows]
    return self_training.learn(chain.scores("target").double().cpu().numpy(), list(rows), list(rows.values()), words)


@torch.no_grad()
def _freeze(
    chain: Chain, ready: Prepared, y: np.ndarray, steps: Steps, bases: Bases, encoders: dict[str, FrameEncoder]
) -> FittedModel:
    """Take everything off torch and off the device."""
    network, decision = chain.network, chain.decision
    assert decision is not None
    shots = network(chain.clips.labeled).packed
    state = {name: value.detach().cpu() for name, value in network.own_state().items()}
    bounds = shots.offsets[1:-1].tolist()
    back = np.argsort(ready.shot_order)
    frames, intensity = (np.split(values.cpu().numpy(), bounds) for values in (shots.frames, shots.intensity))
    index = ready.preparation.names.index
    return FittedModel(
        ready.preparation,
        {name: value.numpy().copy() for name, value in state_into(state, bases, back=True).items()},
        steps.embedding,
        steps.field,
        chain.prototypes.cpu().numpy().astype(np.float64),
        decision.scale * decision.sharpening,
        decision.evidence_scale,
        [frames[i].copy() for i in back],
        [intensity[i].copy() for i in back],
        np.asarray(y),
        [kept / FRAME_RATE for kept in ready.shot_frames],
        ready.languages,
        {
            name: FrozenFront(encoder.cache_key, _arrays(network.fronts[str(index(name))]))
            for name, encoder in encoders.items()
        },
    )


def _arrays(module: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: value.detach().cpu().numpy().copy() for name, value in module.state_dict().items()}
