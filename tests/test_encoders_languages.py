"""The registry: which checkpoint a language gets."""

import pytest

from sere.encoders import languages


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("de", "de"),
        ("German", "de"),
        ("GERMAN", "de"),
        (" german ", "de"),
        ("deu", "de"),
        ("ger", "de"),
        ("de-DE", "de"),
        ("de_AT", "de"),
        ("cmn", "zh"),
        ("Mandarin", "zh"),
        ("zh-Hans-CN", "zh"),
        ("nb", "no"),
        ("amharic", "am"),
        ("urd", "ur"),
    ],
)
def test_a_language_is_known_by_code_name_and_locale(given, code):
    assert languages.normalise_language(given) == code


def test_an_unknown_language_gets_a_suggestion():
    with pytest.raises(ValueError, match="'german'"):
        languages.normalise_language("Germn")


@pytest.mark.parametrize(
    ("language", "name", "width", "n_layers"),
    [
        ("de", "openai/whisper-large-v3", 1280, 32),
        ("en", "microsoft/wavlm-large", 1024, 24),
        ("zh", "TencentGameMate/chinese-hubert-base", 768, 12),
        ("it", "facebook/wav2vec2-large-it-voxpopuli", 1024, 24),
        ("labeled", "facebook/wav2vec2-base", 768, 12),
    ],
)
def test_the_paper_s_paths_get_the_paper_s_checkpoints(language, name, width, n_layers):
    checkpoint = languages.resolve(language)
    assert (checkpoint.name, checkpoint.width, checkpoint.n_layers) == (name, width, n_layers)


@pytest.mark.parametrize("language", ["ur", "am", "Polish", "tr-TR"])
def test_languages_without_an_encoder_of_their_own_share_one(language):
    assert languages.resolve(language) is languages.MULTILINGUAL


def test_every_language_s_encoder_can_be_read_and_names_its_size():
    for code, checkpoint in languages.BY_LANGUAGE.items():
        assert languages.normalise_language(code) == code
        assert checkpoint.readable
        assert checkpoint.width
        assert checkpoint.n_layers


def test_a_name_on_the_hub_stands_for_itself():
    assert languages.resolve("microsoft/wavlm-large").n_layers == 24
    unlisted = languages.resolve("someone/else")
    assert (unlisted.name, unlisted.width, unlisted.licence) == ("someone/else", None, None)


def test_a_folder_stands_for_itself(tmp_path, monkeypatch):
    assert languages.resolve(str(tmp_path)).name == str(tmp_path)
    (tmp_path / "it").mkdir()
    monkeypatch.chdir(tmp_path)
    assert languages.resolve("it").name == "it"


def test_encoders_that_heard_emotional_corpora_are_flagged():
    flagged = {c.name for c in languages.CHECKPOINTS.values() if c.saw_emotional_speech}
    assert "emotion2vec/emotion2vec_plus_large" in flagged
    assert "LeBenchmark/wav2vec2-FR-7K-large" in flagged
    assert not any(languages.resolve(code).saw_emotional_speech for code in ("de", "en", "it"))


def test_an_encoder_that_cannot_be_read_says_so():
    with pytest.raises(ValueError, match="not in transformers' format"):
        languages.resolve("emotion2vec/emotion2vec_plus_base")


def test_a_licence_that_forbids_commercial_use_is_noted():
    for checkpoint in languages.CHECKPOINTS.values():
        if "-nc" in (checkpoint.licence or ""):
            assert "not for commercial use" in checkpoint.note
