Callable = Iterator = Iterable = Sequence = None
