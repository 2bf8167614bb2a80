def pairwise(items):
    items = list(items)
    return [(items[at], items[at + 1]) for at in range(len(items) - 1)]
