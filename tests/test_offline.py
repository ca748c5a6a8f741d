"""Nothing reaches for a network unless a checkpoint's name asks for it."""

import os
import subprocess
import sys

import pytest

CLOSED = """
import socket, sys
tried = []
class Closed(socket.socket):
    def __new__(cls, *arguments, **options):
        tried.append("socket")
        raise OSError("no network here")
def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        tried.append(event)
        raise OSError("no network here")
socket.socket = Closed
sys.addaudithook(hook)
"""

EVERYTHING = f"""{CLOSED}
import warnings
warnings.simplefilter("ignore")
import numpy as np, soundfile
import sere
from sere.cli import main
from sere.datasets import make_voices
voices = make_voices(n_per_emotion=2, n_speakers=1, emotions=("anger", "sadness"), duration=0.3, random_state=0)
for row, wave in enumerate(voices["audio"]):
    soundfile.write(f"{{row}}.wav", wave, 16_000)
model = sere.SEREClassifier(epochs=1, random_state=0).fit(voices, voices["emotion"], None, (voices,))
model.predict(voices)
sere.save(model, "model")
sere.load("model").explain(voices[:1])
sere.label([f"{{row}}.wav" for row in range(4)], ["anger", "sadness"])
sere.pretrain_encoder([voices], "acoustic", random_state=0).save("encoder.npz")
sere.timeline("0.wav", detector="energy")
for arguments in (["predict", "model", "0.wav"], ["predict", "model", "."], ["report", "model"], ["cache", "info"]):
    assert main([*arguments, "-q"]) == 0, arguments
print(tried)
try:
    sere.HeterogeneousEncoder("nobody/no-such-checkpoint").fit([np.zeros(16_000)])
except OSError as error:
    print(bool(tried), "nobody/no-such-checkpoint" in str(error))
"""


def test_no_socket_is_opened_before_a_checkpoint_is_named(tmp_path):
    pytest.importorskip("transformers")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", EVERYTHING], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-2:] == ["[]", "True True"]
