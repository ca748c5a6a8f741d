"""Where a checkpoint lies on this machine, what it is, what it hashes to, and how it is loaded.

A checkpoint is named as on the Hugging Face hub (``"microsoft/wavlm-large"``) or by a local folder
that holds ``config.json``, the weights (``*.safetensors`` or ``pytorch_model*.bin``) and, mostly,
``preprocessor_config.json``. The local cache is asked first, the network only after it and only
once: a machine without a connection learns at once what to do instead of waiting through retries.
"""

import functools
import hashlib
import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sere.files.pointers import pointer

#: ``model_type`` of the configurations that can be read, and how people call them.
FAMILIES = {
    "whisper": "Whisper",
    "wavlm": "WavLM",
    "hubert": "HuBERT",
    "wav2vec2": "Wav2Vec2",
    "wav2vec2-bert": "w2v-BERT 2.0",
}

#: What the checkpoints hear, Hz.
SAMPLE_RATE = 16_000

_PREPROCESSORS = ("preprocessor_config.json", "processor_config.json")
_SETTINGS = ("config.json", *_PREPROCESSORS)
# Parts that serve pretraining or a task head alone and may be missing from a checkpoint.
_NOT_NEEDED = ("masked_spec_embed", "projector.", "classifier.", "layer_weights")
_SAFETENSORS = re.compile(r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?")
_PICKLED = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?")
_SECONDS_TO_ANSWER = 10


class CheckpointUnavailableError(OSError):
    """A pretrained checkpoint is not on this machine and could not be brought here."""


@dataclass(frozen=True)
class Facts:
    """What is known of a checkpoint without loading its weights.

    Attributes
    ----------
    kind : str
        The configuration's ``model_type``, a key of `FAMILIES`.
    width : int
        Width of one layer's hidden states.
    n_layers : int
        Transformer layers of the encoder.
    digest : str
        SHA-256 over settings and weights, hexadecimal.
    """

    kind: str
    width: int
    n_layers: int
    digest: str


def locate(checkpoint: str, revision: str | None, local_files_only: bool | None) -> Path:
    """Folder that holds the checkpoint's files; downloads them where that is wanted and possible.

    Parameters
    ----------
    checkpoint : str
        Name on the hub, or a local folder.
    revision : str or None
        Branch, tag or commit on the hub; None is its main branch. Ignored for a folder.
    local_files_only : bool or None
        None asks the local cache, then the hub; True the cache alone; False the hub alone, so
        that a branch is brought up to date.

    Raises
    ------
    CheckpointUnavailableError
        Neither in the cache nor to be had, or a folder without configuration or weights.
    ImportError
        The extra ``pretrained`` is not installed.
    """
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        return _complete(folder)
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", checkpoint) or checkpoint.startswith("."):
        raise CheckpointUnavailableError(
            f"There is no folder {checkpoint!r}. Pass a folder with config.json and weights, "
            "or a name on the Hugging Face hub such as 'microsoft/wavlm-large'."
        )
    if local_files_only is not False:
        cached = _cached(checkpoint, revision)
        if cached is not None:
            return cached
    if local_files_only:
        raise CheckpointUnavailableError(_how_to_get(checkpoint, "local_files_only is True"))
    return _download(checkpoint, revision)


def read_facts(folder: Path) -> Facts:
    """Family, size and content hash of the checkpoint in a folder.

    Raises
    ------
    ValueError
        Another kind of model than the families read here.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kind = config.get("model_type")
    if kind not in FAMILIES:
        raise ValueError(
            f"{folder} holds a model of type {kind!r}; the encoders that can be read are "
            f"{', '.join(FAMILIES.values())} (model_type {', '.join(FAMILIES)})."
        )
    whisper = kind == "whisper"
    return Facts(
        kind=kind,
        width=_size(config, "d_model" if whisper else "hidden_size", folder),
        n_layers=_size(config, "encoder_layers" if whisper else "num_hidden_layers", folder),
        digest=_digest(folder),
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back transformers' log lines, warnings and progress bars; then put them back."""
    from huggingface_hub.utils import are_progress_bars_disabled, enable_progress_bars
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    hub_bars = not are_progress_bars_disabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()
            if hub_bars:
                enable_progress_bars()


def require_transformers() -> None:
    """Raise an ImportError that says what to install when the extra is missing."""
    try:
        import safetensors  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as missing:
        raise ImportError(
            f"Pretrained encoders need {missing.name}, which is not installed: "
            'pip install "sere[pretrained]". Meanwhile encoder="acoustic" needs nothing more.'
        ) from missing


def load_model(model_class: Any, folder: Path) -> Any:
    """A model with every weight that is used taken from the folder.

    Parameters
    ----------
    model_class : type
        The class of transformers to make.
    folder : Path
        A checkpoint's folder.

    Raises
    ------
    ValueError
        The folder's weights do not fill the encoder (transformers would draw the rest at random).
    """
    import torch
    from transformers import AutoConfig

    local = {"local_files_only": True, "trust_remote_code": False}
    # Filling missing weights would otherwise draw from the caller's random state.
    with quiet(), torch.random.fork_rng(devices=[]):
        config = AutoConfig.from_pretrained(folder, **local)
        # Adapters behind the encoder thin out the frames; here 50 of them a second are wanted.
        config.add_adapter = False
        config.use_intermediate_ffn_before_adapter = False
        # A configuration may name a repository of compiled attention code, which would be fetched and run.
        config._attn_implementation = None
        # All releases read pickled tensors without their code unless told otherwise; not all let one say so.
        model, report = model_class.from_pretrained(
            folder, config=config, output_loading_info=True, local_files_only=True
        )
    missing = [key for key in report["missing_keys"] if not any(part in key for part in _NOT_NEEDED)]
    if missing:
        raise ValueError(
            f"The weights in {folder} lack {len(missing)} parts of the encoder "
            f"({', '.join(sorted(missing)[:3])}, ...): the file is incomplete or of another model."
        )
    return model


def load_extractor(folder: Path, default: str) -> Any:
    """The checkpoint's feature extractor; its family's default where none was saved.

    Raises
    ------
    ValueError
        The checkpoint hears another sampling rate than 16 kHz.
    """
    import transformers

    with quiet():
        if any((folder / name).is_file() for name in _PREPROCESSORS):
            kind, local = transformers.AutoFeatureExtractor, {"local_files_only": True, "trust_remote_code": False}
            extractor = kind.from_pretrained(folder, **local)
        else:
            extractor = getattr(transformers, default)()
    if extractor.sampling_rate != SAMPLE_RATE:
        raise ValueError(
            f"The checkpoint in {folder} hears {extractor.sampling_rate} Hz; clips here have {SAMPLE_RATE} Hz."
        )
    return extractor


def _size(config: dict[str, Any], key: str, folder: Path) -> int:
    # transformers writes only what differs from a family's defaults in some releases' files
    if key in config:
        return int(config[key])
    require_transformers()
    from transformers import AutoConfig

    with quiet():
        full = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return int(getattr(full, key))


def _weights(names: list[str]) -> list[str]:
    """The files of one set of weights: safetensors if there are any, else pickled tensors."""
    for pattern in (_SAFETENSORS, _PICKLED):
        chosen = sorted(name for name in names if pattern.fullmatch(name))
        if any(not name.endswith(".json") for name in chosen):
            return chosen
    return []


def _complete(folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise CheckpointUnavailableError(f"The folder {folder} holds no config.json.")
    if not _weights(os.listdir(folder)):
        raise CheckpointUnavailableError(
            f"The folder {folder} holds no weights (model.safetensors or pytorch_model.bin)."
        )
    for name in ("config.json", *_weights(os.listdir(folder))):
        with open(folder / name, "rb") as file:
            what = pointer(file.read(64), "file")
        if what is not None:
            raise CheckpointUnavailableError(f"{folder / name} is {what}")
    return folder


def _cached(name: str, revision: str | None) -> Path | None:
    require_transformers()
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json", revision=revision)
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    # An interrupted download leaves the settings without the weights.
    return folder if _weights(os.listdir(folder)) else None


def _download(name: str, revision: str | None) -> Path:
    require_transformers()
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.utils import (
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        info = HfApi().model_info(name, revision=revision, timeout=_SECONDS_TO_ANSWER)
        offered = [file.rfilename for file in info.siblings or []]
        weights = _weights(offered)
        if not weights:
            raise CheckpointUnavailableError(
                f"{name} on the hub offers no weights that transformers reads (model.safetensors or pytorch_model.bin)."
            )
        wanted = [file for file in _SETTINGS if file in offered] + weights
        return Path(snapshot_download(name, revision=revision, allow_patterns=wanted))
    except CheckpointUnavailableError:
        raise
    except GatedRepoError as error:
        reason = "its owners ask for a login: run 'hf auth login' after accepting their terms"
        raise CheckpointUnavailableError(_how_to_get(name, reason)) from error
    except RevisionNotFoundError as error:
        reason = f"it has no revision {revision!r}"
        raise CheckpointUnavailableError(_how_to_get(name, reason)) from error
    except RepositoryNotFoundError as error:
        reason = "the hub knows no public checkpoint of this name: check the spelling"
        raise CheckpointUnavailableError(_how_to_get(name, reason)) from error
    except Exception as error:
        # The hub's client raises errors of whichever HTTP library its release uses.
        reason = f"the hub cannot be reached: {type(error).__name__}"
        raise CheckpointUnavailableError(_how_to_get(name, reason)) from error


def _how_to_get(name: str, reason: str) -> str:
    folder = name.rpartition("/")[2]
    return (
        f"The checkpoint {name!r} is not on this machine ({reason}).\n"
        "Where there is a connection, run\n"
        '    pip install "sere[pretrained]"\n'
        f"    hf download {name} --local-dir {folder}\n"
        f"(before huggingface_hub 1.0: huggingface-cli download {name} --local-dir {folder}), "
        "copy that folder here and pass its path instead of the name.\n"
        'Meanwhile encoder="acoustic" works without any download.'
    )


def _digest(folder: Path) -> str:
    names = [name for name in _SETTINGS if (folder / name).is_file()]
    whole = hashlib.sha256()
    for name in names + _weights(os.listdir(folder)):
        file = folder / name
        stat = file.stat()
        whole.update(f"{name} {_sha256(file, stat.st_size, stat.st_mtime_ns)}\n".encode())
    return whole.hexdigest()


@functools.lru_cache(maxsize=256)
def _sha256(file: Path, size: int, mtime_ns: int) -> str:
    """SHA-256 of a file; `size` and `mtime_ns` only tell the cache that the file is the same."""
    # The hub's cache links large files to blobs that carry their own SHA-256 as a name.
    blob = file.resolve().name
    if file.is_symlink() and re.fullmatch(r"[0-9a-f]{64}", blob):
        return blob
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
