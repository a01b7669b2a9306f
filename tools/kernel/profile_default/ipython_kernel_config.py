"""IPython settings of the kernels that execute the book."""

from traitlets.config import get_config

c = get_config()
c.HistoryManager.enabled = False  # nothing is typed, so there is nothing to remember
