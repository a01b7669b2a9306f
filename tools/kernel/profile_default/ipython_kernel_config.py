"""IPython settings of the kernels that execute the book."""

c = get_config()
c.HistoryManager.enabled = False  # nothing is typed, so there is nothing to remember
