"""How many threads share out work, with torch and without."""

import os
import subprocess
import sys

import pytest
import torch

from sere.loops.threads import n_threads, one_thread, workers


def said(program: str, threads: str | None) -> str:
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    env |= {} if threads is None else {"OMP_NUM_THREADS": threads}
    return subprocess.run([sys.executable, "-c", program], env=env, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("asked", ["3", "3,1"])
def test_without_torch_the_environment_says_how_many(asked):
    program = "import sys; from sere.loops.threads import n_threads; print(n_threads(), 'torch' in sys.modules)"
    assert said(program, asked).split() == ["3", "False"]


def test_without_torch_and_a_word_there_are_as_many_as_cores():
    found = int(said("from sere.loops.threads import n_threads; print(n_threads())", None))
    assert 1 <= found <= (os.cpu_count() or 1)


def test_torch_is_asked_where_it_is():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        assert n_threads() == 3
        with one_thread() as threads:
            assert (threads, torch.get_num_threads()) == (3, 1)
        assert torch.get_num_threads() == 3
        with workers() as run:
            assert list(run(lambda x, y: (x + y, torch.get_num_threads()), [1, 2], [3, 4])) == [(4, 1), (6, 1)]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
