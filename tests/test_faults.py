"""Processes that are killed, stopped or lost, and disks that are full: nothing finished is lost, nothing is wrong.

A few kills run in the suite; ``nox -s faults`` sets SERE_KILLS and runs as many for each job.
"""

import os

import pytest
from jobs import JOBS, Killer

KILLS = int(os.environ.get("SERE_KILLS", "1"))
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")


@pytest.fixture(scope="module")
def killer(tmp_path_factory):
    return Killer(tmp_path_factory.mktemp("faults"))


@pytest.mark.parametrize("name", JOBS)
def test_what_is_killed_at_any_moment_goes_on_to_the_same_result(killer, name):
    killer.harass(name, KILLS)
    assert killer.killed[name] == KILLS
