"""Fig. 3: one map a method, side by side."""

import pytest
from test_evaluation_benchmark import corpora  # noqa: F401 - a fixture

from sere.evaluation.embeddings import draw_ablations

Figure = pytest.importorskip("matplotlib.figure").Figure

METHODS = "sere:epochs=1,sere:epochs=1:losses__dual_weight=0"


def test_the_picture_has_a_map_a_method_with_its_score(corpora, tmp_path, monkeypatch):  # noqa: F811
    titles, said = [], []
    save = Figure.savefig

    def remember(page, *args, **kwargs):
        titles.extend(ax.get_title() for ax in page.axes)
        save(page, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", remember)
    options = {"tasks": "lumo-tarsk", "methods": METHODS, "shots": 2, "say": said.append}
    path = draw_ablations(corpora, tmp_path / "deep" / "fig3.png", **options)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [title.split(": UAR")[0] for title in titles] == METHODS.split(",")
    assert [line.removeprefix("lumo-tarsk, draw 0, ") for line in said] == titles


def test_without_matplotlib_it_says_what_to_install(corpora, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"sere\[plots\]"):
        draw_ablations(corpora, tmp_path / "fig3.png")
