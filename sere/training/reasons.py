"""Why a fitted model answers as it does: which part of the decision says so, and which moments carry it.

A decision is a sum: distances to prototypes, what experience says, what self-training added. Beside that every moment
of a clip has a weight: by how much the answer's lead over the runner-up would fall were that moment missing. It is
computed from the model, without the network's gate being asked again: the clip's embedding, and those entries of its
context that are means over frames, are taken over the other frames.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sere.audio import FRAME_RATE
from sere.inputs.utterances import Utterances
from sere.method.resonance import resonance_matrix
from sere.training.model import FittedModel, Found


@dataclass(frozen=True)
class Reasons:
    """Of one clip.

    Attributes
    ----------
    answer, runner_up : int
        Classes.
    scores : ndarray of shape (C,)
    parts : dict of str to float
        What each part of the decision adds to the answer's lead; they sum up to it.
    times : ndarray of shape (T,)
        Seconds, of the moments that take part in resonance.
    weights : ndarray of shape (T,)
        By how much the lead would fall without each.
    shots : int ndarray of shape (k,)
        Labeled clips of the answer that the clip resonates with, most first.
    resonance : ndarray of shape (k,)
        With each of them (Eq. 6).
    partners : int ndarray of shape (T,)
        Which of `shots` answers each moment (Eq. 5).
    partner_times : ndarray of shape (T,)
        When, in that clip.
    partner_resonance : ndarray of shape (T,)
        How well (Eq. 4).
    """

    answer: int
    runner_up: int
    scores: np.ndarray
    parts: dict[str, float]
    times: np.ndarray
    weights: np.ndarray
    shots: np.ndarray
    resonance: np.ndarray
    partners: np.ndarray
    partner_times: np.ndarray
    partner_resonance: np.ndarray


def reasons(model: FittedModel, utterances: Utterances, n_shots: int) -> list[Reasons]:
    """Return why a model answers as it does of some embedded clips.

    Parameters
    ----------
    model : FittedModel
    utterances : Utterances with frames
    n_shots : int
        Labeled clips of the answer to compare with, at most.
    """
    found, kept = model.look_at(utterances)
    scores, fields = model.logits_of(found, utterances), model.resonance_of(found)
    result: list[Any] = [None] * len(utterances)
    for name, rows, space in found.spaces:
        bounds = space.offsets.tolist()
        averaged = utterances.averaged.get(name)
        for k, row in enumerate(rows):
            frames, evidence = space.frames[bounds[k] : bounds[k + 1]].astype(np.float64), space.evidence[k]
            # Without a context the mean of the frames stands for the clip.
            context = space.context[k] if space.context.shape[1] else frames.mean(0)
            domain = model.domain(utterances.languages[row])
            units = model.preparation.units(name, domain, utterances[[row]])
            clip = _Clip(model, name, domain != "source", found, row, context, evidence)
            answer, runner_up = np.argsort(-scores[row], kind="stable")[:2]
            pair = int(answer), int(runner_up)
            if not space.context.shape[1]:
                averaged, units = np.arange(frames.shape[1]), (units[1], units[1])
            without = clip.lead_without(*pair, _missing(frames, averaged, context, units))
            own = np.flatnonzero(model.shot_classes == answer)
            chosen = own[np.argsort(-fields[row, own], kind="stable")[:n_shots]]
            result[row] = Reasons(
                *pair,
                scores[row],
                clip.parts(*pair),
                kept[row] / FRAME_RATE,
                clip.lead(*pair) - without,
                chosen,
                fields[row, chosen],
                *_partners(model, found, row, chosen),
            )
    return result


def _missing(
    frames: np.ndarray, averaged: np.ndarray | None, context: np.ndarray, units: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """What a context becomes without each frame, (T, d), where its entries are means over frames."""
    others = np.tile(context, (len(frames), 1))
    if averaged is None or not (averaged >= 0).any() or len(frames) < 2:
        return others
    entries = np.flatnonzero(averaged >= 0)
    own, (of_context, of_frames) = averaged[entries], units
    change = (frames.mean(0) - frames)[:, own] / (len(frames) - 1)
    others[:, entries] += change * of_frames[own] / of_context[entries]
    return others


class _Clip:
    """One clip's decision, and what it would be were it a little different."""

    def __init__(
        self,
        model: FittedModel,
        name: str,
        is_target: bool,
        found: Found,
        row: int,
        context: np.ndarray,
        evidence: np.ndarray,
    ):
        self.model, self.name, self.context, self.evidence = model, name, context, evidence
        self.frames, self.embedding = found.frames[row], found.clips[row]
        self.taught = model.self_trained if is_target else None

    def parts(self, answer: int, runner_up: int) -> dict[str, float]:
        """What each part of the decision adds to one class's lead over another."""
        columns = self._parts(self.embedding[None], self.context[None], self.evidence[None])
        return {name: float(part[0, answer] - part[0, runner_up]) for name, part in columns.items()}

    def lead(self, answer: int, runner_up: int) -> float:
        """One class's lead over another."""
        return sum(self.parts(answer, runner_up).values())

    def lead_without(self, answer: int, runner_up: int, contexts: np.ndarray) -> np.ndarray:
        """The same without each moment, (T,), for the contexts that are left (T, d)."""
        n = len(self.frames)
        if n < 2:
            return np.full(n, self.lead(answer, runner_up))
        embeddings = self.embedding + (self.embedding - self.frames) / (n - 1)
        index = self.model.preparation.names.index(self.name)
        of_context = self.model.network[f"context_maps.{index}"]
        if of_context.size:
            # The clip's own part is the same in all frames, and changes with its context alone.
            width = of_context.shape[1]
            embeddings[:, :width] = self.embedding[:width] + (contexts - self.context) @ of_context
        evidence = np.tile(self.evidence, (n, 1))
        if self.name in self.model.preparation.heads:
            experience = self.model.preparation.experience[self.name]
            evidence = experience.evidence(contexts, self.model.preparation.heads[self.name])
        parts = self._parts(embeddings, contexts, evidence).values()
        total = sum(parts, np.zeros((n, len(self.model.prototypes))))
        lead: np.ndarray = total[:, answer] - total[:, runner_up]
        return lead

    def _parts(self, clips: np.ndarray, contexts: np.ndarray, evidence: np.ndarray) -> dict[str, np.ndarray]:
        """Scores of the classes by part, each (n, C); they sum up to the decision, rows centred or not."""
        model = self.model
        found = {"prototypes": -model.scale * np.square(clips[:, None] - model.prototypes[None]).sum(2)}
        if evidence.shape[1]:
            found["experience"] = model.evidence_scale * evidence
        if self.taught is not None:
            before = sum(found.values(), np.zeros_like(found["prototypes"]))
            found = {name: self.taught.scale * part for name, part in found.items()}
            after = self.taught.decide(self.name, before, contexts)
            found["self-training"] = after - sum(found.values(), np.zeros_like(before))
        return found


def _partners(
    model: FittedModel, found: Found, row: int, shots: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each moment the labeled clip, of some, that answers it, when in it, and how well (Eq. 4-5)."""
    frames, intensity = found.frames[row], found.intensity[row]
    tau, field = float(np.exp(model.network["log_tau"])), model.field
    best, when = [], []
    for shot in shots:
        R = resonance_matrix(
            frames, model.shot_frames[shot].astype(frames.dtype), intensity,
            model.shot_intensity[shot].astype(intensity.dtype), tau, field.form, field.gap,
        ).numpy()  # fmt: skip
        best.append(R.max(1))
        when.append(model.shot_times[shot][R.argmax(1)])
    partners = np.argmax(best, axis=0)
    moments = np.arange(len(frames))
    return partners, np.array(when)[partners, moments], np.array(best)[partners, moments]
