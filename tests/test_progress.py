"""Progress is a bar where somebody looks, a line now and then where nobody does, and nothing where it is not wanted."""

import io
import sys

import pytest

from sere import progress as module
from sere.progress import progress, say


class Terminal(io.StringIO):
    """Standard error as a terminal has it."""

    def isatty(self):
        return True


def done(monkeypatch, stream, seconds=0.0, **options):
    """Return what work of three steps, each of some seconds, writes."""
    clock = iter(seconds * step for step in range(99))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sys, "stderr", stream)
    with progress(3, "clips", "clip", **options) as bar:
        for _ in range(3):
            bar.update()
        assert bar.n == (3 if options.get("verbose", 1) else 0)
    return stream.getvalue()


def test_a_terminal_gets_a_bar(monkeypatch):
    shown = done(monkeypatch, Terminal(), leave=True)
    assert "clips: 100%|" in shown
    assert "3/3" in shown


def test_a_pipe_gets_a_line_every_half_minute_of_work(monkeypatch):
    assert done(monkeypatch, io.StringIO(), seconds=31) == (
        "clips: 1 of 3 clips, 0:31\nclips: 2 of 3 clips, 1:02\nclips: 3 of 3 clips, 1:33\n"
    )


def test_a_pipe_gets_nothing_of_short_work(monkeypatch):
    assert done(monkeypatch, io.StringIO(), seconds=9) == ""


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_nothing_is_shown_where_it_is_not_wanted(monkeypatch, stream):
    assert done(monkeypatch, stream(), seconds=31, verbose=0) == ""


def test_a_notebook_without_widgets_gets_a_bar_of_text(monkeypatch):
    monkeypatch.setattr(module, "_in_notebook", lambda: True)
    assert "3/3" in done(monkeypatch, io.StringIO(), leave=True)


def test_there_may_be_no_standard_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with progress(3, "clips", "clip") as bar:
        bar.update()


def test_a_line_may_be_said_beside_a_bar(capsys):
    say("one")
    assert capsys.readouterr().err == "one\n"
