"""The Triton kernel, where Triton is installed; its interpreter needs no GPU and a process of its own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sere.kernels import cpu
from sere.kernels.field import compiled

HERE = Path(__file__).parent


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
def test_the_kernel_follows_the_readable_equations(tmp_path):
    paths = [str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {
        "TRITON_INTERPRET": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TRITON_CACHE_DIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "interpreted_triton.py")]
    done = subprocess.run(command, env=env, cwd=HERE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_frames_on_a_cpu_do_not_take_it():
    assert compiled(torch.zeros(1, 2)) is cpu


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed")
@pytest.mark.parametrize(
    ("kind", "precision"), [("fp32", "ieee"), ("fp32", "tf32"), ("bf16", "ieee"), ("fp16", "ieee")]
)
def test_the_kernel_compiles_for_a_gpu_that_is_not_there(kind, precision, tmp_path):
    code = f"""
import torch, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from sere.kernels import triton_field
shape = triton_field.shape_for(dict(fp32=torch.float32, bf16=torch.bfloat16, fp16=torch.float16)[{kind!r}], 256)
assert (shape.columns == 256) == ({kind!r} != "fp32")
constants = dict(
    FORM=0, GAP=0, PRECISION={precision!r}, WANT_BEST=True, ROWS=shape.rows, CLIPS=shape.clips, KEYS=shape.keys,
    COLUMNS=shape.columns, WHOLE=shape.columns == 256,
)
arguments = dict.fromkeys(["u", "v", "a", "b", "tau"], "*{kind}") | dict(peak="*fp32", starts="*i64", best="*i64")
arguments |= dict.fromkeys(["n_q", "n_k", "d"], "i32") | dict.fromkeys(constants, "constexpr")
source = ASTSource(triton_field._best_of_clips, signature=arguments, constexprs=constants)
options = dict(num_warps=shape.warps, num_stages=shape.stages)
kernel = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
assert kernel.asm["cubin"]
# Two programs share the 227 kB of a multiprocessor.
assert kernel.metadata.shared <= 113 * 1024
"""
    env = os.environ | {"TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=HERE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
