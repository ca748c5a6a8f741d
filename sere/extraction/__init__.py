"""From clips to arrays: batches over workers, with the store before and claims beside it."""
