"""Running a few-shot task from beginning to end and saying how well it went.

A task (:func:`sere.datasets.make_task`) holds a few labeled clips of one language, unlabeled clips of that language and
of another, and the clips to score. :func:`run_task` fits and scores; :class:`TaskResult` keeps what a report needs: the
unweighted average recall (UAR) over the task's own list of emotions, its speaker-clustered interval, the recall of each
emotion and the seconds it took. :func:`run_benchmark` runs many tasks, draws and methods and compares them.
:func:`demo` does all of it for someone who has just installed the library.

Functions: `run_task`, `speakers_of`, `run_benchmark`, `demo`; classes: `TaskResult`, `BenchmarkResult`, `Method`.
"""

from sere.evaluation.benchmark import run_benchmark
from sere.evaluation.demonstration import demo
from sere.evaluation.methods import Method
from sere.evaluation.results import BenchmarkResult
from sere.evaluation.tasks import TaskResult, run_task, speakers_of

__all__ = ["BenchmarkResult", "Method", "TaskResult", "demo", "run_benchmark", "run_task", "speakers_of"]
