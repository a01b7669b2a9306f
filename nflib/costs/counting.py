"""What operations cost, counted while they run: multiply-adds, bytes that move, bytes alive. Also of tensors
without data.
"""

from __future__ import annotations

import weakref

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten
# They do not read what they write to, and those that only reserve memory do neither.
OVERWRITES = (aten.copy_, aten.fill_, aten.zero_)
RESERVES = (aten.empty, aten.empty_like, aten.empty_strided, aten.new_empty, aten.new_empty_strided)


class Counter(TorchDispatchMode):
    """Adds up what every operation inside ``with Counter() as counter:`` costs, backward passes included.

    Works on the device "meta" too, where nothing is computed: a model too large for this machine can be
    counted. Whatever asks for a value there is told True, or 0.

    >>> with Counter() as counter:
    ...     product = torch.ones(2, 3, device="meta") @ torch.ones(3, 4, device="meta")
    >>> counter.multiply_adds, counter.alive
    (24, 32)

    Attributes:
        multiply_adds: of convolutions and matrix products; one multiplication with its addition is one.
            Factorisations of the C x C matrices of a flow are left out: under 0.1 % in the published models.
        moved: bytes. Each operation reads each of its inputs once and writes each of its outputs once, as if
            no cache kept anything between two operations. Views move nothing.
        calls: operations that move something, views not among them; on a GPU each is at least one launch.
        alive: bytes of what was made inside and is still there; right after a forward pass what waits for the
            backward pass.
        peak: the most that was ever alive. Workspaces of operations come on top.
    """

    def __init__(self):
        super().__init__()
        self.multiply_adds = self.moved = self.calls = self.peak = self.alive = 0
        self._storages: dict[int, weakref.ref] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is aten._local_scalar_dense.default and args[0].is_meta:
            return True if args[0].dtype == torch.bool else 0
        result = func(*args, **kwargs)
        packet = func._overloadpacket
        self.multiply_adds += _multiply_adds(packet, args, kwargs, result)
        inputs, outputs = _tensors((args, kwargs)), _tensors(result)
        given = {id(tensor.untyped_storage()) for tensor in inputs}
        made = [
            storage
            for storage in (tensor.untyped_storage() for tensor in outputs)
            if id(storage) not in given
        ]
        for storage in made:
            self._born(storage)
        if packet not in RESERVES and (made or func._schema.is_mutable):  # else a view
            self.calls += 1
            self.moved += sum(map(_bytes, inputs[1:] if packet in OVERWRITES else inputs)) + sum(
                map(_bytes, outputs)
            )
        return result

    def _born(self, storage) -> None:
        name, size = id(storage), storage.nbytes()
        if name in self._storages:
            return

        def gone(_) -> None:
            self.alive -= size
            del self._storages[name]

        self._storages[name] = weakref.ref(storage, gone)
        self.alive += size
        self.peak = max(self.peak, self.alive)


def _multiply_adds(packet, args, kwargs, result) -> int:
    if packet is aten.convolution_backward:  # torch's own formula forgets the groups of the weight's gradient
        gradient, image, weight, *_, transposed, _, _, wanted = args
        return sum(wanted[:2]) * (image if transposed else gradient).numel() * weight[0].numel()
    if packet in flop_registry:
        return flop_registry[packet](*args, **kwargs, out_val=result) // 2
    return 0


def _tensors(tree) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _bytes(tensor: Tensor) -> int:
    # of an expanded tensor only what is there
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())
