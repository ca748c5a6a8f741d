"""Make the stored models of this release: ``python tests/models/make.py``, once, when it is released.

They are small models of synthetic voices in folders of that release's number, and beside each what it says of a few
clips, given as frames, so that neither audio nor descriptors of a later release come in. Every later release must load
them and say the same (``tests/test_persistence_stored.py``); a folder that stands here is never made again.
"""

import json
from pathlib import Path

import numpy as np
import safetensors.numpy

import sere
from sere.datasets import make_voices

HERE = Path(__file__).parent
#: By the name of its folder, the encoder of each model.
ENCODERS = {"acoustic": "acoustic", "experience": "acoustic-emotion"}
RAGGED = ("frames", "dynamics", "context")


def main() -> None:
    """Write a folder a model, and ``expected.safetensors`` into it."""
    emotions = ("anger", "neutral", "sadness")
    voices = make_voices(n_per_emotion=6, n_speakers=2, emotions=emotions, duration=0.5, random_state=0)
    source, target = (voices[voices["language"] == name] for name in ("lumo", "tarsk"))
    shots = source.groupby("emotion").head(2)
    release = HERE / sere.__version__
    release.mkdir()
    for name, encoder in ENCODERS.items():
        model = sere.SEREClassifier(encoder, epochs=2, random_state=0)
        model.fit(shots, shots["emotion"], (source,), (target,))
        sere.save(model, release / name, license="bsd-3-clause")
        # Each emotion in both languages; the last clip by somebody whom the model does not know.
        asked = voices.groupby(["language", "emotion"]).head(1)
        asked = asked.assign(speaker=[*asked["speaker"][:-1], "nobody"])
        dynamics = sere.DynamicFeatureTransformer().fit_transform(asked)
        clips = sere.HeterogeneousEncoder(encoder).fit_transform(dynamics)
        held = {f"{what}{k}": clip for what in RAGGED for k, clip in enumerate(getattr(clips, what))}
        answers = {"probabilities": model.predict_proba(clips), "resonance": model.resonance(clips)}
        said = {"speakers": clips.speakers.tolist(), "languages": clips.languages.tolist()}
        safetensors.numpy.save_file(
            {name: np.ascontiguousarray(array) for name, array in (held | answers).items()},
            release / name / "expected.safetensors",
            {what: json.dumps(words) for what, words in said.items()},
        )


if __name__ == "__main__":
    main()
