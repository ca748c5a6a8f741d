"""The decision of a fitted classifier as an ONNX graph, for programs without Python or torch.

What is written is all that comes after the encoder: thinning, standardisation, projection, the gate of the dynamics
(Eq. 1 and 2), the distances to the prototypes, what experience and self-training say, temperature and softmax.
Resonance with the labeled clips (Eq. 3 to 7) has done its work by then: it placed the prototypes. Frames go in, and the
encoder that makes them stays in Python: pitch tracking and descriptors are loops over samples, not layers.

Numbers are double precision as in Python, since thinning compares sums, and a rounded one may choose another frame.
"""

import json
import os
from typing import Any

import numpy as np

from sere.encoders.experience import CLIP
from sere.estimators.classifier import SEREClassifier
from sere.files.drafts import whole_file
from sere.persistence.facts import last_step
from sere.training.domains import SOURCE
from sere.training.model import FittedModel
from sere.training.thinning import run_length

#: Of the operators, and of the file: what runtimes of 2023 and later read.
_OPSET, _IR = 17, 8


def export_onnx(model: Any, path: str | os.PathLike[str], *, language: str | None = None) -> None:
    """Write what a fitted classifier makes of features as an ONNX model.

    Parameters
    ----------
    model : SEREClassifier, or a Pipeline that ends with one
    path : path-like
        The file; its folder must exist.
    language : str, optional
        Whose standardisation clips get, as of clips to predict that say this language; that of the target pool where it
        is not given.

    Raises
    ------
    ImportError
        onnx is not installed (``pip install "sere[onnx]"``).
    TypeError, ValueError
        Not a fitted SEREClassifier, or one with several encoders or with trained layers of a checkpoint.

    Notes
    -----
    A model of feature vectors has the input ``features`` (n, n_features) and the output ``probabilities``
    (n, n_classes). One of audio takes a clip: ``frames`` (t, d), ``changes`` (t, 4) and ``context`` (c,), which are
    ``frames``, ``dynamics`` and ``context`` of the Utterances that :class:`~sere.DynamicFeatureTransformer` and
    :class:`~sere.HeterogeneousEncoder` return, and gives ``probabilities`` (n_classes,). All are double precision. The
    metadata hold ``classes`` as JSON. Answers are those of `predict_proba` for clips whose speaker is not told:
    means and SDs of speakers do not travel into the file.

    Examples
    --------
    >>> import sere
    >>> sere.export_onnx(sere.load("model"), "model.onnx")  # doctest: +SKIP
    """
    try:
        import onnx
    except ImportError as missing:
        raise ImportError('export_onnx needs onnx: pip install "sere[onnx]"') from missing
    last = last_step(model)
    if not isinstance(last, SEREClassifier):
        raise TypeError(f"the decision of a SEREClassifier can be exported, and this is a {type(last).__name__}")
    fitted = last._fitted()
    if fitted.fronts:
        raise ValueError("layers of a checkpoint were trained in this model, and checkpoints are not exported")
    if len(fitted.preparation.names) != 1:
        raise ValueError(
            f"the model hears by several encoders ({', '.join(fitted.preparation.names)}); fit it with one"
        )
    graph = _Decision(fitted, fitted.domain(language))
    of_vectors = hasattr(last, "n_features_in_")
    inputs, outputs = graph.of_vectors() if of_vectors else graph.of_a_clip()
    tensor, double = onnx.helper.make_tensor_value_info, onnx.TensorProto.DOUBLE
    written = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "sere",
            [tensor(name, double, shape) for name, shape in inputs.items()],
            [tensor(name, double, shape) for name, shape in outputs.items()],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="sere",
    )
    onnx.helper.set_model_props(written, {"classes": json.dumps(last.classes_.tolist(), ensure_ascii=False)})
    onnx.checker.check_model(written, full_check=True)
    with whole_file(path) as draft:
        draft.write_bytes(written.SerializeToString())


class _Decision:
    """The graph of a fitted model's decision about clips of one domain.

    Attributes
    ----------
    nodes, constants : list
        Of the graph, so far.
    """

    def __init__(self, fitted: FittedModel, domain: str):
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._fitted, self._domain = fitted, domain
        self._name = fitted.preparation.names[0]
        self._network = {name: value.astype(np.float64) for name, value in fitted.network.items()}
        self._voice: str | None = None

    def of_vectors(self) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        """Add the way from vectors to probabilities; returns the shapes of inputs and outputs."""
        frames = self._standard("features", "frames")
        h = self._add("MatMul", frames, self._constant(self._network["frame_maps.0"]))
        # A vector is a clip of one frame, in which nothing changes.
        nothing = self._add("MatMul", h, self._constant(np.zeros((self._network["frame_maps.0"].shape[1], 4))))
        self._decide(self._add("Concat", h, nothing, axis=1), None, frames)
        n_features, n_classes = len(self._network["frame_maps.0"]), len(self._fitted.prototypes)
        return {"features": ["n", n_features]}, {"probabilities": ["n", n_classes]}

    def of_a_clip(self) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        """Add the way from a clip's frames to probabilities; returns the shapes of inputs and outputs."""
        network = self._network
        raw, changes = self._thinned("frames", "changes")
        row = self._add("Unsqueeze", "context", self._constant([0]))
        self._voice = self._group_of(row)
        frames, context = self._standard(raw, "frames"), self._standard(row, "context")
        length = self._add("Slice", self._add("Shape", frames), self._constant([0]), self._constant([1]))
        whole = self._add("MatMul", context, self._constant(network["context_maps.0"]))
        width = self._constant([network["context_maps.0"].shape[1]])
        whole = self._add("Expand", whole, self._add("Concat", length, width, axis=0))
        own = self._add("MatMul", frames, self._constant(network["frame_maps.0"]))
        h = self._add("Concat", whole, own, axis=1)
        gate = self._add("MatMul", h, self._constant(network["gate_weight"].T))
        gate = self._add("Sigmoid", self._add("Add", gate, self._constant(network["gate_bias"])))
        scale = self._constant(np.float64(self._fitted.embedding.dynamics_scale))
        dynamics = self._add("Mul", self._add("Mul", gate, changes), scale)
        z = self._add("ReduceMean", self._add("Concat", h, dynamics, axis=1), axes=[0], keepdims=1)
        has_context = network["context_maps.0"].shape[0] > 0
        mean = self._add("ReduceMean", frames, axes=[0], keepdims=1)
        self._decide(z, context, context if has_context else mean, squeeze=True)
        widths = {name: len(network[f"{name}_maps.0"]) for name in ("frame", "context")}
        inputs: dict[str, list[Any]] = {
            "frames": ["t", widths["frame"]],
            "changes": ["u", 4],
            "context": [widths["context"]],
        }
        return inputs, {"probabilities": [len(self._fitted.prototypes)]}

    def _decide(self, z: str, context: str | None, rows: str, squeeze: bool = False) -> None:
        """Add the way from embeddings (n, p) to probabilities."""
        fitted = self._fitted
        apart = self._add(
            "Sub", self._add("Unsqueeze", z, self._constant([1])), self._constant(fitted.prototypes[None])
        )
        far = self._add("ReduceSum", self._add("Mul", apart, apart), self._constant([2]), keepdims=0)
        logits = self._add("Mul", far, self._constant(np.float64(-fitted.scale)))
        heads = fitted.preparation.heads.get(self._name)
        if heads is not None and context is not None and (heads >= 0).any():
            logits = self._add("Add", logits, self._evidence(context, heads))
        taught = fitted.self_trained
        if taught is not None and self._domain != SOURCE and self._name in taught.weights:
            centred = self._add("Sub", rows, self._constant(taught.means[self._name]))
            said = self._add("MatMul", centred, self._constant(taught.weights[self._name].T))
            logits = self._add("Mul", self._add("Add", logits, said), self._constant(np.float64(taught.scale)))
        logits = self._add("Div", logits, self._constant(np.float64(fitted.temperature)))
        shares = self._add("Softmax", logits, axis=1)
        if squeeze:
            self._add("Squeeze", shares, self._constant([0]), output="probabilities")
        else:
            self._add("Identity", shares, output="probabilities")

    def _evidence(self, context: str, heads: np.ndarray) -> str:
        """Add what experience says of each class, (n, n_classes)."""
        experience, known = self._fitted.preparation.experience[self._name], heads[heads >= 0]
        said = self._add("MatMul", context, self._constant(experience.evidence_weights[known].T))
        said = self._add("Add", said, self._constant(experience.evidence_bias[known]))
        centred = self._add("Sub", said, self._add("ReduceMean", said, axes=[1], keepdims=1))
        place = np.eye(len(heads))[heads >= 0] * self._fitted.evidence_scale
        return self._add("MatMul", centred, self._constant(place))

    def _group_of(self, row: str) -> str | None:
        """Add the choice of a clip's group of voices; None where its domain has none."""
        preparation = self._fitted.preparation
        known = preparation._known(self._name, self._domain)
        centres = preparation.voices.get(self._name, {}).get(known)
        if centres is None:
            return None
        whole = self._scaled(row, *map(self._constant, preparation.context[self._name].domains[known]))
        place = self._add("MatMul", whole, self._constant(preparation.experience[self._name].voices))
        apart = self._add("Sub", place, self._constant(centres))
        far = self._add("ReduceSum", self._add("Mul", apart, apart), self._constant([1]), keepdims=0)
        return self._add("ArgMin", far, axis=0, keepdims=0)

    def _standard(self, values: str, side: str) -> str:
        """Add standardisation by the mean and SD of the domain, or of the clip's group of voices in it."""
        standardiser = getattr(self._fitted.preparation, side)[self._name]
        known = self._fitted.preparation._known(self._name, self._domain)
        if self._voice is None:
            return self._scaled(values, *map(self._constant, standardiser.domains[known]))
        groups = [self._constant(np.array(own)) for own in zip(*standardiser.voices[known], strict=True)]
        mean, sd = (self._add("Gather", own, self._voice, axis=0) for own in groups)
        return self._scaled(values, mean, sd)

    def _scaled(self, values: str, mean: str, sd: str) -> str:
        centred = self._add("Sub", values, mean)
        limits = self._constant(np.float64(-CLIP)), self._constant(np.float64(CLIP))
        return self._add("Clip", self._add("Div", centred, sd), *limits)

    def _thinned(self, frames: str, changes: str) -> tuple[str, str]:
        """Add the choice of the strongest frame of each run."""
        step = run_length(self._fitted.preparation.frame_rate)
        zero, one = self._constant([0]), self._constant([1])
        counts = [self._add("Slice", self._add("Shape", name), zero, one) for name in (frames, changes)]
        n = self._add("Min", *counts)
        frames, changes = (self._add("Slice", name, zero, n, zero) for name in (frames, changes))
        if step == 1:
            return frames, changes
        runs = self._add("Div", self._add("Add", n, self._constant([step - 1])), self._constant([step]))
        missing = self._add("Sub", self._add("Mul", runs, self._constant([step])), n)
        strength = self._add("ReduceSum", self._add("Abs", changes), self._constant([1]), keepdims=0)
        ends = self._add("Concat", zero, missing, axis=0)
        strength = self._add("Pad", strength, ends, self._constant(np.float64(-1.0)))
        strength = self._add("Reshape", strength, self._constant([-1, step]))
        best = self._add("ArgMax", strength, axis=1, keepdims=0)
        scalar = self._add("Squeeze", runs, zero)
        numbers = self._add("Range", self._constant(np.int64(0)), scalar, self._constant(np.int64(1)))
        kept = self._add("Add", self._add("Mul", numbers, self._constant(np.int64(step))), best)
        return self._add("Gather", frames, kept, axis=0), self._add("Gather", changes, kept, axis=0)

    def _add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add a node; returns its output's name."""
        from onnx import helper

        name = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def _constant(self, value: Any) -> str:
        """Add a constant, numbers of which are float64 or int64; returns its name."""
        from onnx import numpy_helper

        array = np.array(value)
        name = f"c{len(self.constants)}"
        kind = np.float64 if array.dtype.kind == "f" else np.int64
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array, kind).reshape(array.shape), name))
        return name
