"""The record of finished cells: what survives a kill, and what counts as finished."""

import json

from sere.evaluation.journal import Journal


def test_what_was_written_is_read_by_key(tmp_path):
    journal = Journal(tmp_path / "cells.jsonl")
    assert journal.read() == {}
    journal.append({"key": "a", "uar": 0.5, "who": "ä"})
    journal.append({"key": "b", "uar": 0.4})
    assert Journal(journal.path).read() == {"a": {"key": "a", "uar": 0.5, "who": "ä"}, "b": {"key": "b", "uar": 0.4}}
    assert len(journal.path.read_text(encoding="utf-8").splitlines()) == 2


def test_the_last_record_of_a_key_counts_and_a_failed_cell_is_not_finished(tmp_path):
    journal = Journal(tmp_path / "cells.jsonl")
    for record in ({"key": "a", "error": "no"}, {"key": "a", "uar": 0.1}, {"key": "a", "uar": 0.2}, {"key": "b"}):
        journal.append(record)
    assert journal.read() == {"a": {"key": "a", "uar": 0.2}}


def test_a_line_that_was_cut_short_costs_itself_alone(tmp_path):
    journal = Journal(tmp_path / "cells.jsonl")
    journal.append({"key": "a", "uar": 0.5})
    whole = journal.path.read_bytes()
    torn = json.dumps({"key": "b", "uar": 0.4, "who": "ä"}, ensure_ascii=False).encode()
    for cut in range(1, len(torn)):
        journal.path.write_bytes(whole + torn[:cut])
        assert set(journal.read()) == {"a"}
        journal.append({"key": "c", "uar": 0.3})
        assert set(journal.read()) == {"a", "c"}
