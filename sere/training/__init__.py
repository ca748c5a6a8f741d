"""Learning from few shots and large unlabeled pools: normalisation, network, loop."""
