"""What a model costs: counted without running it, bounded by a roofline, and measured."""

from .bench import Bench, Machine, Measurement, bench
from .cost import Cost, result_cost, training_cost
from .counting import Counter
from .memory import TrainingMemory, training_memory
from .roofline import CARDS, Card, Floor, measure
from .timing import Job, Timing

__all__ = [
    "CARDS",
    "Bench",
    "Card",
    "Cost",
    "Counter",
    "Floor",
    "Job",
    "Machine",
    "Measurement",
    "Timing",
    "TrainingMemory",
    "bench",
    "measure",
    "result_cost",
    "training_cost",
    "training_memory",
]
