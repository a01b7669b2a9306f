import pytest
import torch

from nflib.costs import training_memory
from nflib.models import DeFlow, DeFlowConfig, RRDBConfig

TINY = DeFlowConfig(
    RRDBConfig(4, channels=8, growth=4, blocks=2), taps=(1,), levels=3, steps=2, transitions=1, hidden=8
)


@pytest.mark.parametrize("config", [TINY, DeFlowConfig.small(), DeFlowConfig.small(8)])
def test_activations_are_those_of_a_real_forward_pass(config) -> None:
    batch, crop = 2, 32
    model = DeFlow(config).eval()
    own, kept = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *model.buffers())}, {}

    def keep(tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        image = torch.rand(batch, 3, crop, crop)
        loss = model.nll(image, model.condition(image), "degraded").mean()
    expected = sum(
        tensor.untyped_storage().nbytes() for pointer, tensor in kept.items() if pointer not in own
    )
    found = training_memory(config, batch, crop)
    # the batch itself is there too, and which of its images are degraded, and the loss
    assert loss.requires_grad
    assert 0 <= found.activations - expected <= image.nbytes + 8 * batch
    assert found.parameters == sum(p.numel() for p in model.parameters())
    assert found.states == 20 * found.parameters
    assert found.low == found.states - 4 * found.parameters + found.activations < found.high


def test_grows_with_the_pixels_of_a_batch() -> None:
    sizes = {(b, c): training_memory(TINY, b, c).activations for b, c in [(1, 32), (2, 32), (4, 32), (1, 64)]}
    assert sizes[4, 32] - sizes[2, 32] == 2 * (sizes[2, 32] - sizes[1, 32])
    larger, more = sizes[1, 64] - sizes[1, 32], 3 * (sizes[2, 32] - sizes[1, 32])
    assert 0 < more - larger < 0.01 * more  # padding: one large crop has less border than four small ones


def test_the_random_numbers_of_the_caller_stay_as_they_are() -> None:
    torch.manual_seed(0)
    training_memory(TINY, 1, 32)
    found = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(found, torch.rand(3))


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="crop a multiple of 8, got 2 and 12"):
        training_memory(TINY, 2, 12)
    with pytest.raises(ValueError, match="batch must be at least 1"):
        training_memory(TINY, 0, 16)
