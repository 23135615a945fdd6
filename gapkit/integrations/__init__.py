"""gapkit inside other tools: a Lightning callback, ArviZ arrays, progress bars of notebooks and terminals."""
