"""Tiny checkpoints with random weights, one for each family and front end, saved to disk.

Real in everything but size: made by the same transformers classes, saved in the same files. Beside
them, what several test files need to compare encoders with plain transformers.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

try:
    import transformers
except ImportError:  # an extra: what needs it is skipped
    transformers = None

HOP = 320

_SPEECH = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "num_codevectors_per_group": 4,
    "codevector_dim": 8,
    "proj_codevector_dim": 8,
    "vocab_size": 8,
}
_GROUP = {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False}
_LAYER = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}

#: Name of the checkpoint -> (family, front end's settings).
WAVE_MODELS = {
    "wav2vec2-group": ("Wav2Vec2", _GROUP),
    "wav2vec2-layer": ("Wav2Vec2", _LAYER),
    "hubert-group": ("Hubert", _GROUP),
    "hubert-layer": ("Hubert", _LAYER),
    "wavlm-group": ("WavLM", _GROUP),
    "wavlm-layer": ("WavLM", _LAYER),
}
MASKED = ("wav2vec2-layer", "hubert-layer", "wavlm-layer", "bert")
ALL = (*WAVE_MODELS, "bert", "whisper")

#: Seconds that the tiny Whisper reads at once (the real ones read 30).
WHISPER_SECONDS = 4


def save_checkpoint(name: str, folder: Path) -> Path:
    """Save the tiny checkpoint of that name into a folder and return the folder; skip the test without transformers."""
    pytest.importorskip("transformers")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if name == "whisper":
            _save_whisper(folder)
        elif name == "bert":
            _save_bert(folder)
        else:
            _save_wave(name, folder)
    return folder


def _save_wave(name: str, folder: Path) -> None:
    family, front_end = WAVE_MODELS[name]
    config = getattr(transformers, f"{family}Config")(**_SPEECH, **front_end)
    _save(getattr(transformers, f"{family}Model")(config), folder)
    # WavLM base is the family's member that does not standardise its waveform.
    extractor = transformers.Wav2Vec2FeatureExtractor(
        do_normalize=name != "wavlm-group",
        return_attention_mask=front_end is _LAYER,
    )
    extractor.save_pretrained(folder)


def _save_bert(folder: Path) -> None:
    config = transformers.Wav2Vec2BertConfig(
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=24,
        conv_depthwise_kernel_size=7,
        codevector_dim=8,
        proj_codevector_dim=8,
        vocab_size=8,
    )
    _save(transformers.Wav2Vec2BertModel(config), folder)
    transformers.SeamlessM4TFeatureExtractor().save_pretrained(folder)


def _save_whisper(folder: Path) -> None:
    config = transformers.WhisperConfig(
        d_model=16,
        encoder_layers=3,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        num_mel_bins=16,
        max_source_positions=50 * WHISPER_SECONDS,
        max_target_positions=8,
        vocab_size=60,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=3,
        begin_suppress_tokens=None,
    )
    model = transformers.WhisperForConditionalGeneration(config)
    model.generation_config = transformers.GenerationConfig(pad_token_id=0)
    _save(model, folder)
    extractor = transformers.WhisperFeatureExtractor(feature_size=16, chunk_length=WHISPER_SECONDS)
    extractor.save_pretrained(folder)


def _save(model: torch.nn.Module, folder: Path) -> None:
    # Freshly drawn weights are so small (SD 0.02) that layers hardly differ: a test that compares
    # states could not fail. Drawn wider, attention and biases matter.
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    model.save_pretrained(folder)


def noise(n_samples: int, seed: int = 0) -> np.ndarray:
    """A clip of white noise, float32."""
    return (0.1 * np.random.default_rng(seed).standard_normal(n_samples)).astype(np.float32)


def plain_states(name: str, folder: Path, wave: np.ndarray) -> list[np.ndarray]:
    """Hidden states [state][frame] by transformers' own classes, for one clip."""
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    inputs = extractor(wave, sampling_rate=16_000, return_tensors="pt")
    if name == "whisper":
        model = transformers.WhisperModel.from_pretrained(folder).get_encoder().eval()
        n_frames = -(-len(wave) // HOP)
    else:
        model = transformers.AutoModel.from_pretrained(folder).eval()
        n_frames = None
    if name == "bert":
        n_frames = int(inputs["attention_mask"].sum())
    elif name != "whisper":
        inputs.pop("attention_mask", None)
    with torch.no_grad():
        out = model(**inputs, output_hidden_states=True)
    states = [*out.hidden_states[:-1], out.last_hidden_state]
    return [state[0, :n_frames].numpy() for state in states]


def padded(clips: list) -> tuple[torch.Tensor, torch.Tensor]:
    """Hidden states (n_clips, n_frames, width) and lengths of encoded clips."""
    frames = [torch.from_numpy(clip.frames) for clip in clips]
    lengths = torch.tensor([len(of_clip) for of_clip in frames])
    return torch.nn.utils.rnn.pad_sequence(frames, batch_first=True), lengths
