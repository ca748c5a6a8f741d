"""Finding, checking and loading a checkpoint's files."""

import hashlib
import json
import shutil
from pathlib import Path

import checkpoints
import numpy as np
import pytest
import torch
from checkpoints import noise
from safetensors.torch import load_file, save_file

from sere.encoders._checkpoints import locate
from sere.encoders.pretrained import CheckpointUnavailableError, PretrainedEncoder

huggingface_hub = pytest.importorskip("huggingface_hub")

SHORT = 5_000


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkpoints")
    return {name: checkpoints.save_checkpoint(name, root / name) for name in checkpoints.ALL}


class TestFindingCheckpoints:
    NAME = "someone/tiny-model"

    @pytest.fixture(autouse=True)
    def no_network(self, monkeypatch, tmp_path):
        def unreachable(*args, **kwargs):
            raise ConnectionError("Name or service not known")

        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def put_in_cache(self, folder, hub, revision="main", without=()):
        snapshot = hub / "models--someone--tiny-model" / "snapshots" / ("0" * 40)
        shutil.copytree(folder, snapshot, ignore=shutil.ignore_patterns(*without))
        refs = hub / "models--someone--tiny-model" / "refs"
        refs.mkdir()
        (refs / revision).write_text("0" * 40)

    @pytest.mark.parametrize("local_files_only", [None, True, False])
    def test_a_name_that_cannot_be_had_says_how_to_get_it(self, local_files_only):
        encoder = PretrainedEncoder(self.NAME, local_files_only=local_files_only)
        with pytest.raises(CheckpointUnavailableError) as caught:
            encoder.encode([noise(SHORT)])
        assert isinstance(caught.value, OSError)
        for part in (
            self.NAME,
            'pip install "sere[pretrained]"',
            f"hf download {self.NAME} --local-dir tiny-model",
            f"huggingface-cli download {self.NAME} --local-dir tiny-model",
            "pass its path instead",
            'encoder="acoustic"',
        ):
            assert part in str(caught.value)

    def test_a_name_that_the_hub_does_not_know_says_so(self, monkeypatch):
        def unknown(*args, **kwargs):
            error = huggingface_hub.errors.RepositoryNotFoundError
            raise error.__new__(error)

        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unknown)
        with pytest.raises(CheckpointUnavailableError, match="check the spelling"):
            PretrainedEncoder(self.NAME).facts  # noqa: B018

    @pytest.mark.parametrize("local_files_only", [None, True])
    def test_the_local_cache_is_asked_before_the_network(self, folders, tmp_path, local_files_only):
        self.put_in_cache(folders["bert"], tmp_path / "hub")
        encoder = PretrainedEncoder(self.NAME, local_files_only=local_files_only)
        (cached,) = encoder.encode([noise(SHORT)])
        (plain,) = PretrainedEncoder(folders["bert"]).encode([noise(SHORT)])
        np.testing.assert_array_equal(cached.frames, plain.frames)

    def test_a_link_into_the_cache_hashes_like_the_file_itself(self, folders, tmp_path):
        self.put_in_cache(folders["bert"], tmp_path / "hub")
        file = next((tmp_path / "hub").rglob("model.safetensors"))
        blob = tmp_path / hashlib.sha256(file.read_bytes()).hexdigest()
        file.rename(blob)
        file.symlink_to(blob)
        linked, plain = PretrainedEncoder(self.NAME), PretrainedEncoder(folders["bert"])
        assert linked.facts == plain.facts

    def test_another_revision_is_not_taken_from_the_cache(self, folders, tmp_path):
        self.put_in_cache(folders["bert"], tmp_path / "hub")
        with pytest.raises(CheckpointUnavailableError):
            PretrainedEncoder(self.NAME, revision="v2").facts  # noqa: B018

    def test_a_broken_off_download_is_not_taken_for_a_checkpoint(self, folders, tmp_path):
        self.put_in_cache(folders["bert"], tmp_path / "hub", without=["*.safetensors"])
        with pytest.raises(CheckpointUnavailableError, match="not on this machine"):
            PretrainedEncoder(self.NAME).facts  # noqa: B018

    def test_a_download_takes_one_set_of_weights_and_the_settings(self, monkeypatch, folders):
        offered = [
            "README.md",
            "config.json",
            "flax_model.msgpack",
            "model.fp32-00001-of-00002.safetensors",
            "model.safetensors",
            "preprocessor_config.json",
            "pytorch_model.bin",
        ]
        files = [huggingface_hub.hf_api.RepoSibling(rfilename=name) for name in offered]
        info = huggingface_hub.hf_api.ModelInfo(id=self.NAME)
        info.siblings = files
        asked = {}

        def download(name, **options):
            asked.update(options, name=name)
            return str(folders["bert"])

        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *a, **k: info)
        monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
        assert PretrainedEncoder(self.NAME, revision="v2").width == 16
        assert asked == {
            "name": self.NAME,
            "revision": "v2",
            "allow_patterns": ["config.json", "preprocessor_config.json", "model.safetensors"],
        }

    def test_a_folder_without_settings_or_weights_is_named(self, folders, tmp_path):
        with pytest.raises(CheckpointUnavailableError, match=r"holds no config\.json"):
            PretrainedEncoder(tmp_path).facts  # noqa: B018
        shutil.copy(folders["bert"] / "config.json", tmp_path)
        with pytest.raises(CheckpointUnavailableError, match="holds no weights"):
            PretrainedEncoder(tmp_path).facts  # noqa: B018

    def test_another_kind_of_model_is_named_beside_those_that_can_be_read(self, tmp_path):
        (tmp_path / "config.json").write_text('{"model_type": "bert"}')
        (tmp_path / "model.safetensors").write_bytes(b"")
        with pytest.raises(ValueError, match=r"type 'bert'.*WavLM"):
            PretrainedEncoder(tmp_path).facts  # noqa: B018

    def test_missing_weights_are_not_drawn_at_random(self, folders, tmp_path):
        folder = shutil.copytree(folders["wav2vec2-layer"], tmp_path / "tiny")
        weights = load_file(folder / "model.safetensors")
        del weights["encoder.layers.1.attention.k_proj.weight"]
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ValueError, match=r"lack 1 parts.*k_proj"):
            PretrainedEncoder(folder).encode([noise(SHORT)])

    def test_a_configuration_names_no_code_to_run(self, folders, tmp_path):
        folder = shutil.copytree(folders["hubert-group"], tmp_path / "tiny")
        (expected,) = PretrainedEncoder(folder).encode([noise(SHORT)])
        settings = json.loads((folder / "config.json").read_text())
        named = {"attn_implementation": "someone/kernels", "auto_map": {"AutoConfig": "code.Mine"}}
        (folder / "config.json").write_text(json.dumps(settings | named))
        (found,) = PretrainedEncoder(folder).encode([noise(SHORT)])
        np.testing.assert_array_equal(found.frames, expected.frames)

    def test_pickled_weights_serve_as_well(self, folders, tmp_path):
        folder = shutil.copytree(folders["hubert-group"], tmp_path / "tiny")
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
        (old,), (new,) = (
            PretrainedEncoder(where).encode([noise(SHORT)]) for where in (folder, folders["hubert-group"])
        )
        np.testing.assert_array_equal(old.frames, new.frames)

    def test_pickled_weights_run_no_code(self, folders, tmp_path):
        folder, marker = shutil.copytree(folders["hubert-group"], tmp_path / "tiny"), tmp_path / "marker"
        weights = load_file(folder / "model.safetensors") | {"more": Touch(marker)}
        torch.save(weights, folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
        with pytest.raises(Exception, match=r"[Ww]eights_only|Unable to load weights"):
            PretrainedEncoder(folder).encode([noise(SHORT)])
        assert not marker.exists()
        torch.load(folder / "pytorch_model.bin", weights_only=False)
        assert marker.exists()  # it would have


class Touch:
    """Makes a file when it is unpickled by a reader that runs what it reads."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def test_weights_that_git_lfs_did_not_fetch_are_said_to_be_a_pointer(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "whisper"}')
    (tmp_path / "model.safetensors").write_text(POINTER)
    with pytest.raises(CheckpointUnavailableError, match=r"model\.safetensors is a git-lfs pointer.*git lfs pull"):
        locate(str(tmp_path), None, True)


def test_models_and_encoders_that_git_lfs_did_not_fetch_are_said_to_be_pointers(tmp_path):
    import sere
    from sere.encoders import EmotionEncoder

    (tmp_path / "any.npz").write_text(POINTER)
    for read in (sere.load, EmotionEncoder.load):
        with pytest.raises(ValueError, match=r"any\.npz.* is a git-lfs pointer.*git lfs pull"):
            read(tmp_path / "any.npz")
