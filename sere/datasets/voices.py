def make_voices():
    pass
