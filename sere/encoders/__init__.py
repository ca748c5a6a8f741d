"""Frame encoders: embedded descriptors, pretrained checkpoints, and which one a language gets."""
