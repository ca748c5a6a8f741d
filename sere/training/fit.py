"""One fit from embedded clips to a model that holds numpy only."""

import warnings
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from sere.encoders.base import FrameEncoder
from sere.inputs.params import resolve_device
from sere.inputs.reading import SereWarning
from sere.inputs.utterances import Utterances
from sere.kernels import Packed, Reading, resonance_field
from sere.kernels.workers import small_operations
from sere.training.domains import SOURCE, domain_of, domain_pools, domain_starts, learn_domains
from sere.training.fronts import build, check_fronts, finish, needed, start_fronts
from sere.training.loop import CHUNK, Chain, Settings, highlight_weights
from sere.training.network import Pool, ResonanceNetwork, Space
from sere.training.prepare import Preparation, Survey, clip_rows, survey
from sere.training.self_training import SelfTrained, self_train
from sere.training.subspace import WIDTH, Bases, into, starts_into, state_into, training_bases
from sere.training.thinning import thinned


@dataclass(frozen=True)
class FrozenFront:
    """A trained front; numpy only.

    Attributes
    ----------
    cache_key : str
        Of the encoder below it: what comes out of another one means nothing to it.
    state : dict of str to ndarray
    """

    cache_key: str
    state: dict[str, np.ndarray]


class Found(NamedTuple):
    """Clips after the network, numpy only.

    Attributes
    ----------
    clips : ndarray of shape (n, p)
    evidence : ndarray of shape (n, n_classes) or (n, 0)
    rows : list of (str, int ndarray of shape (m,), ndarray of shape (m, d))
        By encoder, which clips it embedded, and what self-training sees of them.
    frames : list of ndarray of shape (n_frames, p)
    intensity : list of ndarray of shape (n_frames,)
    """

    clips: np.ndarray
    evidence: np.ndarray
    rows: list[tuple[str, np.ndarray, np.ndarray]]
    frames: list[np.ndarray]
    intensity: list[np.ndarray]


@dataclass
class FittedModel:
    """All that prediction needs; no torch object, so that it loads anywhere.

    Attributes
    ----------
    preparation : Preparation
    network : dict of str to ndarray
        The network's state without its fronts.
    options : dict
        gate, intensity, dynamics_scale, tau, field_form, field_gap, highlight_share, symmetric.
    prototypes : ndarray of shape (n_classes, p)
    scale : float
        Factor of squared distances.
    evidence_scale : float
        Factor of what experience says.
    shot_frames : list of ndarray of shape (n_frames, p)
        Enhanced representations of the labeled clips.
    shot_intensity : list of ndarray of shape (n_frames,)
    languages : dict of str to set of str
        Languages of each domain.
    fronts : dict of str to FrozenFront
        By encoder; empty where nothing of an encoder was trained.
    self_trained : SelfTrained or None
        What the answers on the target pool taught.
    """

    preparation: Preparation
    network: dict[str, np.ndarray]
    options: dict[str, Any]
    prototypes: np.ndarray
    scale: float
    evidence_scale: float
    shot_frames: list[np.ndarray]
    shot_intensity: list[np.ndarray]
    languages: dict[str, set[str]]
    fronts: dict[str, FrozenFront] = field(default_factory=dict)
    self_trained: SelfTrained | None = None
    _built: dict[str, torch.nn.Module] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_built": {}}

    def is_source(self, language: str | None) -> bool:
        """Whether a clip of this language is prepared as a source clip."""
        return self.domain(language) == SOURCE

    def domain(self, language: str | None) -> str:
        """The domain whose mean and SD a clip takes: its language's, else the target's, else the source's."""
        return domain_of(language, self.languages)

    def embed(self, utterances: Utterances) -> np.ndarray:
        """Clip embeddings, (n, p)."""
        return self._forward(utterances).clips

    def logits(self, utterances: Utterances) -> np.ndarray:
        """Scaled negative squared distances to the prototypes, what experience says and, of target clips, what
        self-training does, (n, n_classes).
        """
        found = self._forward(utterances)
        logits = -self.scale * np.square(found.clips[:, None] - self.prototypes[None]).sum(2)
        if found.evidence.shape[1]:
            logits = logits + self.evidence_scale * found.evidence
        if self.self_trained is None:
            return logits
        is_target = np.array([not self.is_source(language) for language in utterances.languages])
        for name, clips, rows in found.rows:
            own = is_target[clips]
            logits[clips[own]] = self.self_trained.decide(name, logits[clips[own]], rows[own])
        return logits

    def resonance(self, utterances: Utterances) -> np.ndarray:
        """IRF of each clip with each shot, (n, n_shots)."""
        found = self._forward(utterances)
        shots = _packed(self.shot_frames, self.shot_intensity)
        clips = _packed(found.frames, found.intensity)
        scores = self._field(shots, clips)
        if self.options["symmetric"]:
            scores = (scores + self._field(clips, shots).T) / 2
        return scores.numpy().T

    def _field(self, queries: Packed, keys: Packed) -> torch.Tensor:
        """IRF of every query clip with every key clip, as it was trained."""
        tau = float(np.exp(self.network["log_tau"]))
        reading = Reading(tau, self.options["field_form"], self.options["field_gap"])
        queries = queries._replace(weight=highlight_weights(queries, self.options["highlight_share"]))
        return resonance_field(queries, keys, reading)[0]

    @torch.no_grad()
    def _forward(self, utterances: Utterances) -> "Found":
        """What the network makes of clips, in the order of `utterances`."""
        check_fronts(utterances, self.fronts)
        pool, order = self.preparation.pool(utterances, [self.domain(language) for language in utterances.languages])
        network = self._rebuild(needed(utterances))
        finished = tuple(network.finished(space) for space in pool.to(torch.float64).spaces)
        embedded = network(Pool(finished))
        own = np.split(order, np.cumsum([len(space) for space in finished])[:-1])
        names = [self.preparation.names[space.index] for space in finished]
        bounds = embedded.packed.offsets[1:-1].tolist()
        back = np.argsort(order)
        frames = np.split(embedded.packed.frames.numpy(), bounds)
        intensity = np.split(embedded.packed.intensity.numpy(), bounds)
        return Found(
            embedded.clips.numpy()[back],
            embedded.evidence.numpy()[back],
            [(name, clips, clip_rows(space)) for name, clips, space in zip(names, own, finished, strict=True)],
            [frames[i] for i in back],
            [intensity[i] for i in back],
        )

    def _rebuild(self, encoders: dict[str, FrameEncoder]) -> ResonanceNetwork:
        """The network in float64, with the fronts of some encoders, which keep their float32."""
        n = len(self.preparation.names)
        starts = [(self.network[f"context_maps.{i}"], self.network[f"frame_maps.{i}"]) for i in range(n)]
        network = ResonanceNetwork(starts, **{k: self.options[k] for k in _NETWORK_OPTIONS})
        network.load_state_dict({name: torch.from_numpy(value) for name, value in self.network.items()})
        network.double()
        network.frames_at_once = 1  # in the float32 of a front, clips beside it would move a prediction visibly
        for name, encoder in encoders.items():
            network.fronts[str(self.preparation.names.index(name))] = self._front(name, encoder)
        return network

    def _front(self, name: str, encoder: FrameEncoder) -> torch.nn.Module:
        """A trained front on its encoder's checkpoint, built when it is first needed."""
        if name not in self._built:
            frozen = self.fronts[name]
            if encoder.cache_key != frozen.cache_key:
                raise ValueError(
                    f"{name} is not what it was when the model was fitted ({encoder.cache_key}, then "
                    f"{frozen.cache_key}); bring the old files back, or fit again"
                )
            self._built[name] = build(encoder, frozen.state)
        return self._built[name]


def _packed(frames: list[np.ndarray], intensity: list[np.ndarray]) -> Packed:
    return Packed.from_list(*([torch.tensor(v, dtype=torch.float32) for v in values] for values in (frames, intensity)))


_NETWORK_OPTIONS = ("gate", "intensity", "dynamics_scale", "tau")


def fit_model(
    params: Any,
    labeled: Utterances,
    y: np.ndarray,
    classes: np.ndarray,
    source: Utterances | None,
    targets: list[Utterances],
    seed: int,
    previous: FittedModel | None = None,
    first_epoch: int = 0,
) -> tuple[FittedModel, list[dict[str, Any]], bool]:
    """Standardise, train and freeze.

    Parameters
    ----------
    params : SEREClassifier
        Read only, for its parameters.
    labeled, source, targets : Utterances with frames, context and dynamics
    y : int ndarray of shape (n,)
    classes : ndarray of shape (n_classes,)
        Labels.
    seed : int
    previous : FittedModel, optional
        Where the network starts.
    first_epoch : int
        Number of the first record; 0 where `previous` does not fit.

    Returns
    -------
    model : FittedModel
    records : list of dict
        One an epoch.
    interrupted : bool
    """
    device = resolve_device(params.device)
    preparation = Preparation(params.speaker_shrinkage, params.frame_rate)
    options = {
        name: getattr(params, name)
        for name in (*_NETWORK_OPTIONS, "field_form", "field_gap", "highlight_share", "symmetric")
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoders, fronts = start_fronts([labeled, *targets, *([] if source is None else [source])], device)
        languages, pools, starts, surveys = _prepare(params, preparation, fronts, labeled, classes, y, source, targets)
        before = _state_of(previous, preparation) if previous is not None else {}
        bases = training_bases(preparation, surveys, starts, before, fixed=fronts)
        before = state_into(before, bases)
        network = ResonanceNetwork(
            starts_into(starts, bases),
            **{k: options[k] for k in _NETWORK_OPTIONS},
            fronts={preparation.names.index(name): front for name, front in fronts.items()},
        )
        if {k: v.shape for k, v in before.items()} == {k: v.shape for k, v in network.state_dict().items()}:
            network.load_state_dict(before)
        elif previous is not None:
            first_epoch = 0
            warnings.warn(
                "warm_start=True, but the last fit's network has another shape; training starts anew",
                SereWarning,
                stacklevel=3,
            )
        network.to(device)
        ready = {name: into(pool, bases).to(torch.float32, device) for name, (pool, _) in pools.items()}
        order = pools["labeled"][1]
        codes = torch.from_numpy(np.asarray(y)[order]).to(device)
        imagined = _imagined(preparation, bases, device)
        chain = Chain(
            network,
            ready["labeled"],
            codes,
            len(classes),
            ready.get("source"),
            ready.get("target"),
            _settings(params, imagined is not None, bool(targets)),
            seed,
            imagined,
        )
        records: list[dict[str, Any]] = []
        with tqdm(total=params.epochs, desc="epochs", disable=None if params.verbose else True, leave=False) as bar:

            def report(record: dict[str, Any]) -> bool:
                record = {"epoch": first_epoch + len(records), **record}
                records.append(record)
                bar.update()
                return any([bool(callback(record)) for callback in params.callbacks])

            with nullcontext() if fronts or device != "cpu" else small_operations():
                interrupted = chain.run(params.epochs, report)
        model = _freeze(chain, preparation, options, languages, order, bases)
        if targets and params.self_training_weight:
            model.self_trained = _self_train(
                chain, pools["target"][0], preparation, surveys, params.self_training_weight, device
            )
        model.fronts = {name: FrozenFront(encoders[name].cache_key, _arrays(front)) for name, front in fronts.items()}
    return model, records, interrupted


def _prepare(
    params: Any,
    preparation: Preparation,
    fronts: dict[str, torch.nn.Module],
    labeled: Utterances,
    classes: np.ndarray,
    y: np.ndarray,
    source: Utterances | None,
    targets: list[Utterances],
) -> tuple[
    dict[str, set[str]], dict[str, tuple[Pool, np.ndarray]], list[tuple[np.ndarray, np.ndarray]], dict[str, Survey]
]:
    """Learn all that is learned before training, from what untrained fronts give.

    Returns
    -------
    languages : dict of str to set of str
        Of each domain.
    pools : dict of str to (Pool, ndarray)
        Clips still to go through their fronts, and the row each came from.
    starts : list of (ndarray, ndarray)
        Starting projections.
    surveys : dict of str to Survey
        How each encoder's columns vary.
    """
    labeled, source = thinned(labeled, preparation.frame_rate), source and thinned(source, preparation.frame_rate)
    targets = [thinned(pool, preparation.frame_rate) for pool in targets]
    for group in [labeled, *targets, *([] if source is None else [source])]:
        check_fronts(group, fronts)
    done = (
        finish(labeled, fronts),
        None if source is None else finish(source, fronts),
        [finish(pool, fronts) for pool in targets],
    )
    languages = learn_domains(preparation, *done)
    preparation.recognise(list(classes), done[0], y, SOURCE)
    pools = domain_pools(preparation, *done)
    averaged = {name: own for part in (done[0], done[1], *done[2]) if part for name, own in part.averaged.items()}
    width = max(WIDTH, params.embedding_dim)
    surveys = survey(preparation, [pool for pool, _ in pools.values()], averaged, width)
    starts = domain_starts(preparation, pools, *done, params.embedding_dim, params.context_share, surveys)
    return languages, domain_pools(preparation, labeled, source, targets) if fronts else pools, starts, surveys


@torch.no_grad()
def _self_train(
    chain: Chain,
    target: Pool,
    preparation: Preparation,
    surveys: dict[str, Survey],
    weight: float,
    device: str,
) -> SelfTrained:
    """Let the answers on the target pool teach a head."""
    found = chain.assigned["target"]
    decision = chain.decision(found.embeddings, found.evidence).double().cpu().numpy()
    rows = {}
    for space in target.spaces:
        parts = [space] if isinstance(space, Space) else map(space.take, torch.arange(len(space)).split(CHUNK))
        closed = [
            part if isinstance(part, Space) else chain.network.finished(part.to(torch.float32, device))
            for part in parts
        ]
        rows[preparation.names[space.index]] = np.concatenate([clip_rows(part) for part in closed])
    return self_train(decision, list(rows), list(rows.values()), [surveys[name].words for name in rows], weight)


def _imagined(preparation: Preparation, bases: Bases, device: str) -> tuple[Pool, torch.Tensor] | None:
    found = preparation.imagined()
    if found is None:
        return None
    return into(found[0], bases).to(torch.float32, device), torch.from_numpy(found[1]).to(device)


def _state_of(previous: FittedModel, preparation: Preparation) -> dict[str, torch.Tensor]:
    """The state of a fitted model's network and fronts, the latter numbered as now."""
    state = {name: torch.from_numpy(value) for name, value in previous.network.items()}
    for encoder, frozen in previous.fronts.items():
        if encoder in preparation.names:
            prefix = f"fronts.{preparation.names.index(encoder)}."
            state |= {prefix + name: torch.from_numpy(value) for name, value in frozen.state.items()}
    return state


def _arrays(module: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: value.detach().cpu().numpy().copy() for name, value in module.state_dict().items()}


def _settings(params: Any, experienced: bool, has_target: bool) -> Settings:
    """Return the loop's settings; what the user left open depends on whether experience knows any of the classes."""
    renamed = {"form": "field_form", "gap": "field_gap"}
    settings = {name: getattr(params, renamed.get(name, name)) for name in Settings.__dataclass_fields__}
    left_open = {
        "drift_weight": 10.0 if experienced else 1.0,
        "prototype_pool": "target" if experienced and has_target else "both",
    }
    for name, choice in left_open.items():
        if settings[name] is None:
            settings[name] = choice
    return Settings(**settings)


def _freeze(
    chain: Chain,
    preparation: Preparation,
    options: dict[str, Any],
    languages: dict[str, set[str]],
    order: np.ndarray,
    bases: Bases,
) -> FittedModel:
    """Take everything off torch and off the device."""
    with torch.no_grad():
        shots = chain.network(chain.labeled).packed
    state = {name: value.detach().cpu() for name, value in chain.network.own_state().items()}
    bounds = shots.offsets[1:-1].tolist()
    back = np.argsort(order)
    frames = np.split(shots.frames.cpu().numpy(), bounds)
    intensity = np.split(shots.intensity.cpu().numpy(), bounds)
    return FittedModel(
        preparation,
        {name: value.numpy().copy() for name, value in state_into(state, bases, back=True).items()},
        options,
        chain.prototypes.cpu().numpy().astype(np.float64),
        float(np.exp(chain.log_scale or 0.0)) * chain.sharpening,
        chain.evidence_scale,
        [frames[i].copy() for i in back],
        [intensity[i].copy() for i in back],
        languages,
    )
