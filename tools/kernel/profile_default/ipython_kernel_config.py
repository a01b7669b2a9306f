"""IPython settings of the kernels that execute the book."""

c = get_config()  # noqa: F821  (IPython puts it here)
c.HistoryManager.enabled = False  # nothing is typed, so there is nothing to remember
