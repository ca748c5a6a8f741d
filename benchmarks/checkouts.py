"""Running a part of a benchmark in a process of its own, with the library of this checkout or of another one.

The script is always this checkout's, so that both sides are asked the same; which `sere` it imports is what differs.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

#: This checkout.
HERE = Path(__file__).resolve().parent.parent


def measured_in(tree: str | os.PathLike[str], script: str, *arguments: str) -> Any:
    """Return what a benchmark's script prints as JSON where `sere` is that of a checkout."""
    paths = [os.fspath(Path(tree).resolve()), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, script, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout)
