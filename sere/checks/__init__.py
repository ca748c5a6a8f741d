"""What fit, predict and scores warn of: facts of clips, and what they say of the data they stand in."""
