"""Our Adam against torch's, to the bit."""

import subprocess
import sys

import torch

from sere.training.adam import Adam


def test_steps_are_those_of_torch():
    start = [torch.randn(5, 3), torch.randn(4), torch.randn(2, 2), torch.tensor(0.3)]
    ours, theirs = ([p.clone().requires_grad_() for p in start] for _ in range(2))
    groups = [[{"params": p[:2], "lr": 1e-2}, {"params": p[2:], "lr": 1e-3}] for p in (ours, theirs)]
    optimisers = Adam(groups[0]), torch.optim.Adam(groups[1], lr=1e-2)
    for step in range(20):
        for parameters, optimiser in zip((ours, theirs), optimisers, strict=True):
            if optimiser is optimisers[1]:
                optimiser.zero_grad()
            # The third takes part only later.
            used = parameters if step > 5 else parameters[:2] + parameters[3:]
            sum((p.sin() * (i + 1 + step)).sum() for i, p in enumerate(used)).backward()
            optimiser.step()
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert all(p.grad is None for p in ours)


def test_making_one_does_not_load_torchs_compiler():
    code = "import sys, torch; from sere.training.adam import Adam; Adam([]); print('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
