"""What a conditional flow is told of the condition: how many images it is for, of which size, and as many
times as asked.
"""

import pytest
import torch

from nflib.models.conditional.condition import Conditioning, LevelFeatures, LevelMaps
from nflib.models.conditional.flow import ConditionalFlow
from nflib.transforms.context import tensors


def draw(*shape, seed=0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def flow(affine="bounded", **changes) -> ConditionalFlow:
    """Two levels, all networks at work."""
    torch.manual_seed(0)
    flow = ConditionalFlow(
        **{
            "levels": 2,
            "steps": 2,
            "transitions": 1,
            "hidden": 6,
            "condition": 5,
            "affine": affine,
            **changes,
        }
    ).double()
    flow(draw(8, 3, 8, 12), flow.prepare(features(8)))  # ActNorm
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return flow


def features(batch) -> list[LevelFeatures]:
    """For images of 8 x 12 pixels: the first level has taps at half its resolution."""
    return [
        LevelFeatures(draw(batch, 3, 4, 6), draw(batch, 2, 2, 3, seed=1)),
        LevelFeatures(draw(batch, 5, 2, 3, seed=2), draw(batch, 0, 2, 3)),
    ]


def both(batch, centre=None, **changes) -> tuple[ConditionalFlow, list]:
    """A prepared condition, and one whose parts are computed when they are needed."""
    model = flow(reversible=True, **changes)
    return model, [make(features(batch), centre) for make in (model.prepare, model.tell)]


@pytest.mark.parametrize("batch", [1, 3])
def test_batch_and_size_are_those_of_the_images(batch) -> None:
    _, conditions = both(batch)
    assert [one.recomputed for one in conditions] == [False, True]
    assert [(one.batch, one.size) for one in conditions] == [(batch, (8, 12))] * 2


@pytest.mark.parametrize("recomputed", [False, True])
def test_repeated_it_is_for_all_images_once_then_all_again(recomputed) -> None:
    model, conditions = both(2, draw(2, 3, 8, 12, seed=3))
    one = conditions[recomputed]
    repeated = one.repeat(3)
    assert (repeated.batch, repeated.size, repeated.recomputed) == (6, (8, 12), recomputed)
    assert all(
        many.equal(torch.cat([few] * 3)) for few, many in zip(tensors(one), tensors(repeated), strict=True)
    )
    image = draw(2, 3, 8, 12, seed=4)
    z, log_det = model(image, one)
    many, many_log_det = model(torch.cat([image] * 3), repeated)
    torch.testing.assert_close(many, tuple(torch.cat([part] * 3) for part in z))
    torch.testing.assert_close(many_log_det, log_det.repeat(3))


def test_that_of_one_image_serves_any_number() -> None:
    model, (one, _) = both(1, draw(1, 3, 8, 12, seed=3))
    assert one.repeat(5) is one
    image = draw(5, 3, 8, 12, seed=4)
    z, _ = model(image, one)
    assert torch.cat([model(part, one)[0][0] for part in image.split(1)]).sub(z[0]).abs().max() < 1e-12


@pytest.mark.parametrize("affine", ["bounded", "multiply", "divide"])
def test_steps_that_are_told_the_maps_answer_as_with_prepared_parts(affine) -> None:
    model, (prepared, told) = both(2, affine=affine)
    assert all(isinstance(step, LevelMaps) for level in told.levels for step in level)
    image = draw(2, 3, 8, 12, seed=4)
    z, log_det = model(image, prepared)
    torch.testing.assert_close(model(image, told), (z, log_det))
    torch.testing.assert_close(model.inverse(z, told)[0], image)


def test_its_parts_are_all_of_it() -> None:
    _, (one, _) = both(2, draw(2, 3, 8, 12, seed=3))
    again = Conditioning.of_parts(one.parts(), one.centre)
    assert type(again) is type(one)
    assert [len(level) for level in again.levels] == [2, 2]
    assert all(a is b for a, b in zip(tensors(again), tensors(one), strict=True))


@pytest.mark.parametrize("centred", [False, True])
def test_until_a_level(centred) -> None:
    model, (known, _) = both(2, draw(2, 3, 8, 12, seed=3) if centred else None)
    image = draw(2, 3, 8, 12, seed=4)
    first = model.until(0, image, known)
    assert first.shape == (2, 12, 4, 6)
    assert model.until(1, image, known).equal(model(image, known)[0][-1])


@pytest.mark.parametrize("affine", ["bounded", "divide"])
def test_nothing_of_a_step_is_hidden(affine) -> None:
    step = flow(affine).levels[0].steps[0]
    assert set(step.stages()) < set(step.modules())
    assert step.stages()[2:] == (
        (step.coupling, step.injector) if affine == "divide" else (step.injector, step.coupling)
    )
    owned = [id(parameter) for stage in step.stages() for parameter in stage.parameters()]
    assert sorted(owned) == sorted(id(parameter) for parameter in step.parameters())
