"""Digests of code: they cover what a module imports, and nothing else."""

import sys

from sere.evaluation.code import code_digest, reached


def test_a_classifier_reaches_its_training_and_a_reference_does_not():
    ours, reference = reached("sere.estimators.classifier"), reached("sere.baselines.references")
    assert {"sere.training.loop", "sere.training.fit", "sere.kernels.cpu", "sere.method.losses"} <= ours
    assert {"sere.estimators.encoder", "sere.encoders.acoustic", "sere.encoders.egemaps"} <= ours & reference
    assert "sere.training.loop" not in reference
    assert not {name for name in ours | reference if name.startswith(("sere.plotting", "sere.cli", "sere.recordings"))}


def test_modules_that_are_handed_out_lazily_are_reached():
    assert {"sere.tracks.crepe", "sere.tracks.spectrum"} <= reached("sere.estimators.dynamics")


def test_the_digest_changes_with_the_source_alone(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    digests = []
    for text in ("A = 1\n", "A = 2\n", "A = 1\n"):
        (tmp_path / "of_a_test.py").write_text(text)
        code_digest.cache_clear()
        digests.append(code_digest("of_a_test"))
        sys.modules.pop("of_a_test", None)
    code_digest.cache_clear()
    assert digests[0] == digests[2] != digests[1]


def test_other_modules_give_another_digest():
    assert code_digest("sere.metrics") != code_digest("sere.audio") != code_digest("sere.metrics", "sere.audio")
