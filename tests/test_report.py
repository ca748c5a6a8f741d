"""The page of ``sere report``: what stands on it, and that a browser, a keyboard and a screen reader can use it."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import sere
from sere import cli
from sere.baselines import LinearBaseline
from sere.evaluation import run_benchmark
from sere.report import write_report
from sere.report.benchmarks import benchmark_page
from sere.report.page import Cell, facts, items, number, page, percent, table

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Outline(HTMLParser):
    """Elements of a page with their attributes, and the text of tables' cells."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.rows, self.open = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.open = tag
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if tag == self.open:
            self.open = None

    def handle_data(self, data):
        if self.open:
            self.rows[-1][-1] += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    """The folder of a small benchmark, with two kinds of tasks."""
    from sere.datasets import make_voices

    voices = make_voices(n_per_emotion=4, n_speakers=2, emotions=["anger", "sadness"], duration=0.5, random_state=0)
    both = {name: clips.reset_index(drop=True) for name, clips in voices.groupby("language")}
    folder = tmp_path_factory.mktemp("benchmark")
    methods = "lr@acoustic-emotion,prototype@acoustic"
    options = {
        "methods": methods,
        "baseline": "lr@acoustic-emotion",
        "draws": 2,
        "shots": 2,
        "shifts": ["none", "quiet"],
    }
    result = run_benchmark(both, speakers="known", protocol="transductive", out=folder, **options)
    return folder, result


@pytest.fixture(scope="module")
def pages(benchmark, model, tmp_path_factory):
    """Both kinds of report, as files."""
    folder = tmp_path_factory.mktemp("pages")
    sere.save(model, folder / "model")
    return {
        "benchmark": write_report(benchmark[0], folder / "benchmark.html"),
        "model": write_report(folder / "model", folder / "model.html"),
    }


KINDS = ["benchmark", "model"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_a_language_one_title_and_a_word_for_every_picture(pages, kind):
    pytest.importorskip("matplotlib")
    found = Outline(pages[kind].read_text(encoding="utf-8"))
    assert found.all("html") == [{"lang": "en"}]
    assert len(found.all("h1")) == len(found.all("title")) == 1
    assert found.all("img")
    assert all(len(image["alt"]) > 20 and image["src"].startswith("data:image/svg+xml") for image in found.all("img"))
    links = {link["href"].removeprefix("#") for link in found.all("a")}
    assert links == {heading["id"] for heading in found.all("h2")}
    assert len(links) == len(found.all("section"))


@pytest.mark.parametrize("kind", KINDS)
def test_tables_have_names_and_headers_that_say_what_they_head(pages, kind):
    found = Outline(pages[kind].read_text(encoding="utf-8"))
    assert all(len(own["aria-label"]) > 5 for own in found.all("table"))
    assert {own["scope"] for own in found.all("th")} == {"col", "row"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_asks_nothing_of_a_network(pages, kind):
    text = pages[kind].read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|url\(", text)
    found = Outline(text)
    assert not [own for own in found.all("script") if own]
    assert [own["href"] for own in found.all("link")] == ["data:,"]


def test_a_report_is_the_same_bytes_when_it_is_made_again(pages, benchmark, tmp_path):
    again = write_report(benchmark[0], tmp_path / "again.html")
    assert again.read_bytes() == pages["benchmark"].read_bytes()


def test_the_page_of_a_benchmark_holds_its_numbers(pages, benchmark):
    result = benchmark[1]
    rows = Outline(pages["benchmark"].read_text(encoding="utf-8")).rows
    overall = {row["method"]: row for row in result.rows if row["task"] == "all" and row["shift"] == "none"}
    for method, row in overall.items():
        shown = next(cells for cells in rows if cells[0] == method)
        assert shown[1] == percent(row["uar"], row["low"], row["high"]).text
    other = next(row for row in overall.values() if "difference" in row)
    ends = (other[f"difference_{end}_tasks"] for end in ("low", "high"))
    assert next(c for c in rows if c[0] == other["method"])[3] == percent(other["difference"], *ends, signed=True).text
    for task in result.settings["tasks"]:
        assert [cells[0] for cells in rows].count(task) == 2  # once a kind of task
    assert ["lumo", "lumo", "8", "2", "4", "4"] in rows


def test_the_page_of_a_benchmark_warns_of_leaks_and_says_how_to_run_it_again(benchmark):
    content = benchmark[1].content()
    content["settings"] |= {"tasks": ["emodb-lumo"]}
    text = benchmark_page(content, "")
    assert "lr@acoustic-emotion: the encoder acoustic-emotion learned from emodb with their labels" in text
    assert "Transductive" in text
    assert "Speakers known" in text
    assert "Fewer than ten speakers in lumo, tarsk" in text
    assert "One draw" not in text
    command = re.search(r"<code>sere (benchmark .*?)</code>", text)[1].replace("--tasks emodb-lumo", "")
    arguments = cli.program._parser().parse_args(command.split())
    assert arguments.methods == "lr@acoustic-emotion,prototype@acoustic"
    assert (arguments.draws, arguments.shots, arguments.shift) == (2, "2", "none,quiet")
    assert (arguments.speakers, arguments.protocol) == ("known", "transductive")
    assert arguments.baseline == "lr@acoustic-emotion"


def test_results_of_before_the_data_were_kept_are_reported_without_them(benchmark, tmp_path):
    content = {name: value for name, value in benchmark[1].content().items() if name not in ("data", "baseline")}
    content["settings"] = content["settings"] | {"draws": 1}
    (tmp_path / "results.json").write_text(json.dumps(content))
    text = write_report(tmp_path / "results.json", tmp_path / "page.html").read_text()
    assert "before benchmarks kept the numbers" in text
    assert "points against lr@acoustic-emotion" in text
    assert "One draw" in text


def test_notes_and_what_was_left_out_are_reported(benchmark):
    content = benchmark[1].content() | {"notes": ["lr warned of <b>clips</b>"], "left_out": ["one clip"]}
    text = benchmark_page(content, "")
    assert "lr warned of &lt;b&gt;clips&lt;/b&gt;" in text
    assert "<li>one clip</li>" in text


def test_the_page_of_a_model_tells_its_fit_its_options_and_its_encoder(pages, model):
    text = pages["model"].read_text(encoding="utf-8")
    rows = Outline(text).rows
    assert ["epochs", "3", "changed"] in rows
    assert ["field__tau", "1.0", ""] in rows
    assert ["random_state", "0", "changed"] in rows
    assert "<dt>Labeled clips</dt><dd>6 (2 of each emotion)</dd>" in text
    assert "<dt>Unlabeled clips of the target</dt>" in text
    assert "<dt>Languages of the target</dt><dd>tarsk</dd>" in text
    assert "speech-emotion learned from ased, casia, emodb, emovo, ravdess with their labels" in text
    assert any(cells[0] == "emodb" and cells[2] == "535" for cells in rows)
    apart = np.linalg.norm(model.prototypes_[0] - model.prototypes_[1])
    assert next(cells for cells in rows if cells[0] == "anger" and len(cells) == 4)[2] == f"{apart:.2f}"
    assert f"<dt>sere</dt><dd>{sere.__version__}</dd>" in text


def test_a_comparison_method_and_a_pipeline_have_pages_of_their_own(tmp_path, shots, source, target):
    features = np.random.default_rng(0).normal(size=(12, 4))
    lr = LinearBaseline().fit(features, ["a", "b"] * 6)
    text = write_report(lr, tmp_path / "lr.html").read_text()
    assert "Model: LinearBaseline" in text
    assert "fitted on feature vectors" in text
    pipeline = sere.make_sere_pipeline(
        encoder=sere.HeterogeneousEncoder("acoustic"), classifier=sere.SEREClassifier(epochs=1, random_state=0)
    )
    pipeline.fit(shots, shots["emotion"], X_unlabeled_tgt=(target,))
    text = write_report(pipeline, tmp_path / "pipeline.html").read_text()
    assert "Clips are heard by acoustic." in text
    assert "learned from" not in text


def test_what_cannot_be_reported_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"results\.json"):
        write_report(tmp_path, tmp_path / "page.html")
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(ValueError, match="no JSON"):
        write_report(tmp_path, tmp_path / "page.html")
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(ValueError, match="lacks environment, rows, settings"):
        write_report(tmp_path, tmp_path / "page.html")
    (tmp_path / "results.json").write_text(json.dumps({"rows": [], "settings": {}, "environment": {}}))
    with pytest.raises(ValueError, match="no cell"):
        write_report(tmp_path, tmp_path / "page.html")
    with pytest.raises(TypeError, match="SEREClassifier"):
        write_report(sere.SEREClassifier(), tmp_path / "page.html")
    with pytest.raises(TypeError, match="DynamicFeatureTransformer"):
        write_report(sere.DynamicFeatureTransformer(), tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_the_command_writes_the_page_and_says_where(benchmark, tmp_path, capsys):
    place = tmp_path / "page.html"
    assert cli.main(["report", str(benchmark[0]), "-o", str(place)]) == 0
    assert capsys.readouterr().out == f"{place}\n"
    assert place.read_text().startswith("<!DOCTYPE html>")
    assert cli.main(["report", str(tmp_path / "nothing"), "-o", str(place)]) == 1
    assert "no model at" in capsys.readouterr().err


def test_without_matplotlib_the_page_says_that_it_has_no_pictures(benchmark, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    text = benchmark_page(benchmark[1].content(), "")
    assert "sere[plots]" in text
    assert "<img" not in text


def test_texts_are_escaped_and_numbers_sort_by_their_value():
    made = table('a "b" <c>', ["<x>", "n"], [["<i>", Cell("1 %", 0.01)], ["&", None]])
    assert "&lt;x&gt;" in made
    assert 'aria-label="a &quot;b&quot; &lt;c&gt;"' in made
    assert '<td class="number" data-value="0.01">1 %</td>' in made
    assert '<td class="number" data-value="">–</td>' in made
    assert "<b>" not in facts({"<b>": "<b>"}) + items(["<b>"], care=True) + page("<b>", "<b>", [("<b>", "")], "<b>")
    assert number(float("nan")).value is None
    assert percent(0.5, 0.4, 0.6).text == "50.0 [40.0, 60.0]"


def test_scores_of_a_benchmark_are_a_table_for_papers(benchmark):
    scores = benchmark[1].scores
    assert isinstance(scores, pd.DataFrame)
    assert set(scores["method"]) == {"lr@acoustic-emotion", "prototype@acoustic"}
    kept = json.loads((benchmark[0] / "results.json").read_text())
    assert scores["uar"].tolist() == [row["uar"] for row in kept["rows"]]
    assert "uar" in scores.to_csv()


# In a browser

browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
PROBE = """
<script>
const told = {errors: window.seen, focus: [], sorted: []};
const first = document.querySelector("table.sortable");
const header = (k) => first.tHead.rows[0].cells[k];
const column = (k) => [...first.tBodies[0].rows].map((row) => row.cells[k].textContent);
for (const [k, times] of [[1, 1], [1, 2], [0, 1]]) {
  for (let i = 0; i < (times === 2 ? 1 : times); i++) header(k).querySelector("button").click();
  told.sorted.push([header(k).getAttribute("aria-sort"), column(k), document.getElementById("sorted").textContent]);
}
for (const button of document.querySelectorAll("thead button")) {
  button.focus();
  told.focus.push(document.activeElement === button && button.tabIndex === 0);
}
told.images = [...document.images].map((image) => [image.complete && image.naturalWidth > 0, image.alt.length > 0]);
const resources = performance.getEntriesByType("resource").map((entry) => entry.name);
told.requests = resources.filter((name) => !name.startsWith("data:"));
told.wide = document.documentElement.scrollWidth <= document.documentElement.clientWidth;
const out = document.createElement("template");
out.id = "told";
out.setAttribute("data-told", JSON.stringify(told));
document.body.append(out);
</script>
"""
WATCH = (
    '<script>window.seen = []; addEventListener("error", (e) => window.seen.push(String(e.message)), true);</script>'
)


@pytest.fixture(scope="module")
def opened(pages, tmp_path_factory):
    """What a browser says of each page: its console, and what a script found that clicks and looks around."""

    def open_in_browser(kind, width):
        text = pages[kind].read_text(encoding="utf-8")
        folder = tmp_path_factory.mktemp("browser")
        watched = text.replace("<head>", f"<head>{WATCH}").replace("</body>", f"{PROBE}</body>")
        (folder / "page.html").write_text(watched, encoding="utf-8")
        command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"]
        command += [
            "--enable-logging=stderr",
            "--v=0",
            f"--user-data-dir={folder}/profile",
            f"--window-size={width},900",
        ]
        done = subprocess.run([*command, (folder / "page.html").as_uri()], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        (told,) = [own["data-told"] for own in Outline(done.stdout).all("template")]
        return json.loads(told), [line for line in done.stderr.splitlines() if "CONSOLE" in line], Outline(done.stdout)

    return open_in_browser


@browser
@pytest.mark.parametrize("width", [500, 1300])
@pytest.mark.parametrize("kind", KINDS)
def test_a_browser_shows_everything_without_an_error_or_a_request(opened, kind, width):
    told, console, _ = opened(kind, width)
    assert told["errors"] == console == told["requests"] == []
    assert told["images"]
    assert all(loaded and worded for loaded, worded in told["images"])
    assert told["wide"]  # the page itself scrolls down only


@browser
@pytest.mark.parametrize("kind", KINDS)
def test_headers_are_buttons_that_a_keyboard_reaches_and_that_sort(opened, kind):
    told, _, found = opened(kind, 1300)
    assert told["focus"]
    assert all(told["focus"])
    sortable = [own for own in found.all("table") if own.get("class") == "sortable"]
    assert len(sortable) >= 2
    assert all(own.get("aria-sort") for own in found.all("th") if own["scope"] == "col" and "aria-sort" in own)
    (down, falling, said), (up, rising, _), (letters, names, _) = told["sorted"]
    assert (down, up, letters) == ("descending", "ascending", "ascending")
    values = [float(text.split()[0]) for text in falling if text != "–"]
    assert values == sorted(values, reverse=True)
    assert [float(text.split()[0]) for text in rising if text != "–"] == values[::-1]
    assert [text == "–" for text in falling] == sorted(text == "–" for text in falling)  # nothing comes last
    assert names == sorted(names, key=str.casefold)
    assert said.endswith("descending")
