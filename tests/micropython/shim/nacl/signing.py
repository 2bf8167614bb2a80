class SigningKey:
    # Made by modules that other tests of theirs need it for.
    def __init__(self, seed):
        pass
