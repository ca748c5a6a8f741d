"""What users hand over: forms of X, clips, labels and parameters, read and checked once."""
