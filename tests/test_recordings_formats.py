"""Timelines in other programs' formats, each read back by who owns it."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from sere.recordings.formats import FORMATS, write_timeline

ODD = 'an "odd" <word> & more'


def timeline(gaps=False, **facts):
    rows = [(0.5, 4.25, "anger", 0.8), (4.25, 9.0625, ODD, 0.6), (3600.0, 3605.0000625, "sadness", 0.9)]
    table = pd.DataFrame(rows, columns=["start", "end", "emotion", "probability"]).astype({"emotion": object})
    for name in ("anger", ODD, "sadness"):
        table[f"p_{name}"] = np.where(table["emotion"] == name, table["probability"], 0.1)
    if gaps:
        table.loc[len(table)] = [9.0625, 3600.0, None, *[np.nan] * 4]
        table = table.sort_values("start", ignore_index=True)
    table.attrs = {"recording": "talks/my talk.wav", "seconds": 3610.0, "detector": "energy", "windows": 9} | facts
    return table


def written(name, *tables):
    stream = io.StringIO()
    with FORMATS[name](stream) as writer:
        for table in tables:
            writer.add(table)
    return stream.getvalue()


def test_csv_is_what_pandas_and_load_corpus_read(tmp_path):
    file = tmp_path / "timeline.csv"
    table = timeline(gaps=True)
    write_timeline(table, file)
    read = pd.read_csv(file)
    assert list(read["path"].unique()) == ["talks/my talk.wav"]
    known = read["emotion"].notna()
    assert known.tolist() == [True, True, False, True]
    pd.testing.assert_frame_equal(read[known].drop(columns="path"), table[known], atol=1e-4, check_dtype=False)


def test_json_holds_all_recordings(tmp_path):
    first, second = json.loads(written("json", timeline(gaps=True), timeline(recording="other.wav")))
    assert (first["recording"], first["seconds"], first["detector"]) == ("talks/my talk.wav", 3610.0, "energy")
    assert second["recording"] == "other.wav"
    assert first["segments"][2] == {"start": 9.0625, "end": 3600.0, "emotion": None}
    assert first["segments"][1]["probabilities"] == {"anger": 0.1, ODD: 0.6, "sadness": 0.1}
    assert json.loads(written("json")) == []


def test_audacity_has_a_line_a_segment():
    lines = [line.split("\t") for line in written("audacity", timeline(gaps=True)).splitlines()]
    assert [(float(start), float(end), text) for start, end, text in lines] == [
        (0.5, 4.25, "anger"),
        (4.25, 9.0625, ODD),
        (3600.0, 3605.000062, "sadness"),
    ]


def test_rttm_by_a_reader_of_its_definition():
    """Fields as the NIST RT-09 evaluation plan defines them: ten, parted by blanks."""
    rows = [line.split(" ") for line in written("rttm", timeline(gaps=True), timeline(recording="b.wav")).splitlines()]
    assert {len(row) for row in rows} == {10}
    assert {(row[0], row[2], row[5], row[6], row[9]) for row in rows} == {("SPEAKER", "1", "<NA>", "<NA>", "<NA>")}
    assert [row[1] for row in rows] == ["my_talk"] * 3 + ["b"] * 3
    found = [(float(row[3]), float(row[3]) + float(row[4]), row[7], float(row[8])) for row in rows[:3]]
    assert found[0] == (0.5, 4.25, "anger", 0.8)
    assert found[1][2] == "_".join(ODD.split())


def test_textgrid_by_praatio(tmp_path):
    textgrid = pytest.importorskip("praatio.textgrid")
    file = tmp_path / "talk.TextGrid"
    write_timeline(timeline(), file)
    grid = textgrid.openTextgrid(str(file), includeEmptyIntervals=True)
    assert grid.tierNames == ("emotion", "probability")
    entries = [tuple(entry) for entry in grid.getTier("emotion").entries]
    assert entries == [
        (0.0, 0.5, ""),
        (0.5, 4.25, "anger"),
        (4.25, 9.0625, ODD),
        (9.0625, 3600.0, ""),
        (3600.0, 3605.0000625, "sadness"),
        (3605.0000625, 3610.0, ""),
    ]
    assert grid.maxTimestamp == 3610.0
    assert [entry.label for entry in grid.getTier("probability").entries][1] == "0.800"


def test_textgrid_by_tgt(tmp_path):
    tgt = pytest.importorskip("tgt")
    file = tmp_path / "talk.TextGrid"
    write_timeline(timeline(gaps=True), file)
    tier = tgt.io.read_textgrid(str(file)).get_tier_by_name("emotion")
    found = [(interval.start_time, interval.end_time, interval.text) for interval in tier]
    assert [text for *_, text in found] == ["anger", ODD, "sadness"]
    assert found[1][:2] == (4.25, 9.0625)


def test_webvtt_by_webvtt_py(tmp_path):
    webvtt = pytest.importorskip("webvtt")
    file = tmp_path / "talk.vtt"
    write_timeline(timeline(gaps=True), file)
    captions = list(webvtt.read(str(file)))
    assert [(caption.start, caption.end) for caption in captions] == [
        ("00:00:00.500", "00:00:04.250"),
        ("00:00:04.250", "00:00:09.062"),
        ("01:00:00.000", "01:00:05.000"),
    ]
    assert captions[0].text == "anger (80 %)"
    assert "&lt;word&gt; &amp; more" in file.read_text()


# Its own call of pandas.
@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_audformat_by_audformat(tmp_path):
    audformat = pytest.importorskip("audformat", exc_type=ImportError)
    file = tmp_path / "table.csv"
    write_timeline(timeline(gaps=True), file, "audformat")
    table = audformat.utils.read_csv(file)
    assert audformat.is_segmented_index(table.index)
    assert set(table.index.get_level_values("file")) == {"talks/my talk.wav"}
    assert table.index.get_level_values("start").total_seconds().tolist() == [0.5, 4.25, 9.0625, 3600.0]
    assert table["emotion"].isna().tolist() == [False, False, True, False]
    assert table["p_anger"].iloc[0] == 0.8


@pytest.mark.parametrize("name", FORMATS)
def test_a_recording_without_speech_is_a_valid_file(name, tmp_path):
    empty = timeline().iloc[:0]
    empty.attrs = {"recording": None, "seconds": 3.0, "detector": "energy"}
    file = tmp_path / "empty"
    write_timeline(empty, file, name)
    text = file.read_text()
    if name == "textgrid":
        textgrid = pytest.importorskip("praatio.textgrid")
        entries = textgrid.openTextgrid(str(file), includeEmptyIntervals=True).getTier("emotion").entries
        assert [tuple(entry) for entry in entries] == [(0.0, 3.0, "")]
    else:
        assert "anger" not in text or text.count("\n") == 1


def test_numbers_may_be_labels():
    table = timeline()
    table["emotion"] = np.array([np.int64(3), np.int64(4), np.int64(3)], dtype=object)
    for name in FORMATS:
        assert "3" in written(name, table)


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.csv", "csv"), ("a.TextGrid", "textgrid"), ("a.vtt", "vtt"), ("a.rttm", "rttm"), ("a.txt", "audacity")],
)
def test_the_ending_tells_the_format(name, format, tmp_path):
    write_timeline(timeline(), tmp_path / name)
    assert (tmp_path / name).read_text() == written(format, timeline())


def test_what_is_no_format_is_said():
    with pytest.raises(ValueError, match="pass format, one of csv"):
        write_timeline(timeline(), "timeline.docx")
    with pytest.raises(ValueError, match="format is 'srt'"):
        write_timeline(timeline(), "timeline.srt", "srt")
