"""Every layer against the closed-form vectors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from nflib.transforms import (
    ActNorm,
    Affine,
    AffineCoupling,
    AffineInjector,
    ExponentialScale,
    InvertibleConv1x1,
    SigmoidScale,
    Squeeze,
)
from tests.helpers.vectors import assert_matches, case


def tensor(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


class Fixed(torch.nn.Module):
    """A conditioner that answers with given raw scales and shifts, whatever it is asked."""

    def __init__(self, raw, shift):
        super().__init__()
        self.answer = torch.cat((tensor(raw), tensor(shift)))[None]

    def forward(self, x) -> torch.Tensor:
        return self.answer.expand(len(x), -1)


def test_squeeze() -> None:
    inputs, expected = case("squeeze_2x2")
    z, log_det = Squeeze()(tensor(inputs["x"])[None])
    assert_matches(dict(out=z[0], log_det=log_det[0]), expected)


def test_coupling_exp() -> None:
    inputs, expected = case("coupling_exp")
    h = tensor(inputs["h_a"] + inputs["h_b"])[None]
    coupling = AffineCoupling(6, net=lambda i, o: Fixed(inputs["s"], inputs["t"]), scale=ExponentialScale())
    z, log_det = coupling(h)
    back, _ = coupling.inverse(z)
    assert_matches(dict(out_a=z[0, :3], out_b=z[0, 3:], log_det=log_det[0], inverse_b=back[0, 3:]), expected)


def test_coupling_sigmoid() -> None:
    inputs, expected = case("coupling_sigmoid_shift_first")
    scale = SigmoidScale(inputs["eps"])
    h, raw, shift = (tensor(inputs[k]) for k in ("h_b", "raw", "shift"))
    z, log_scale = scale.apply(h, raw, shift)
    back, _ = scale.invert(z, raw, shift)
    assert_matches(dict(scale=log_scale.exp(), out_b=z, log_det=log_scale.sum(), inverse_b=back), expected)


def test_injector() -> None:
    inputs, expected = case("injector_exp")
    injector = AffineInjector(
        4, 1, net=lambda i, o: Fixed(inputs["s"], inputs["t"]), scale=ExponentialScale()
    )
    out, log_det = injector(tensor(inputs["h"])[None], tensor([[0.0]]))
    assert_matches(dict(out=out[0], log_det=log_det[0]), expected)


def test_conv_1x1() -> None:
    inputs, expected = case("conv_1x1")
    conv = InvertibleConv1x1(3).double()
    weight = tensor(inputs["W"])
    conv.set_weight(weight)
    out, log_det = conv(tensor(inputs["x"])[None])
    identity, _ = conv.inverse(torch.eye(3, dtype=torch.float64))
    lower, upper = (
        conv.lower.tril(-1) + torch.eye(3),
        conv.upper.triu(1) + torch.diag(conv.sign * conv.log_diagonal.exp()),
    )
    assert_matches(
        dict(
            out=out.detach()[0],
            log_det=log_det.detach()[0],
            P=conv.permutation,
            L=lower.detach(),
            U=upper.detach(),
            log_abs_s=conv.log_diagonal.detach(),
            sign_s=conv.sign,
            W_inverse=identity.detach().T,
        ),
        expected,
    )
    torch.testing.assert_close(conv.weight().detach(), weight)


def test_actnorm() -> None:
    inputs, expected = case("actnorm_init")
    layer = ActNorm(2).double()
    out, log_det = layer(tensor(inputs["x"]))
    assert_matches(
        dict(
            bias=layer.bias.detach(),
            log_scale=layer.log_scale.detach(),
            out=out.detach(),
            log_det_per_sample=log_det.detach()[0],
        ),
        expected,
    )


def test_affine_flow_1d() -> None:
    from nflib.closed_form.gaussian import UnpairedGaussian

    inputs, expected = case("affine_flow_1d")
    model = UnpairedGaussian(inputs["mu_x"], inputs["var_x"], inputs["mu_u"], inputs["var_u"], 0.0, 1)
    flow = model.to_flow()
    x, y = tensor([[inputs["x"]]]), tensor([[inputs["y"]]])
    with torch.no_grad():
        z_x, log_det = flow.transform(x)
        found = dict(
            a=flow.transform.weight.item(),
            b=flow.transform.bias.item(),
            mu_t=flow.base.mean[0].item(),
            var_t=flow.base.factor[0].square().item(),
            z_x=z_x.item(),
            z_y=flow.encode(y).item(),
            log_abs_det=log_det.item(),
            log_p_x=flow.log_prob(x).item(),
            log_p_y=flow.log_prob(y, domain="degraded").item(),
        )
    assert_matches(found, expected)


def test_affine_flow_whitening() -> None:
    from nflib.closed_form.gaussian import UnpairedGaussian

    inputs, expected = case("affine_flow_whitening")
    sigma_x, sigma_u = np.array(inputs["sigma_x"]), np.array(inputs["sigma_u"])
    flow = UnpairedGaussian(
        np.zeros(2), sigma_x, np.array(inputs["mu_u"]), sigma_u, np.zeros((2, 2)), 1
    ).to_flow()
    with torch.no_grad():
        factor = flow.base.factor[0]
        latent_cov = factor @ factor.T
        found = dict(
            W_zca=flow.transform.weight,
            mu_t_zca=flow.base.mean[0],
            sigma_t_zca=latent_cov,
            log_abs_det=flow.transform(tensor([[0.0, 0.0]]))[1][0],
            latent_eigenvalues=torch.linalg.eigvalsh(latent_cov),
        )
        found = {k: v.numpy() for k, v in found.items()}
    # The Cholesky whitening is another rotation of the same flow.
    cholesky = np.linalg.inv(np.linalg.cholesky(sigma_x))
    rotation = cholesky @ np.linalg.inv(found["W_zca"])
    found |= dict(
        W_cholesky=rotation @ found["W_zca"], sigma_t_cholesky=rotation @ found["sigma_t_zca"] @ rotation.T
    )
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(2), atol=1e-12)
    assert_matches(found, expected)


def one_layer_loss(m, v) -> Callable[..., Any]:
    """The averaged objective of (a, b, mu, var_u) for whitened clean data and noisy mean m, variance v:
    chapter 2.
    """

    def loss(p) -> torch.Tensor:
        a, b, mu, var_u = p
        clean = 0.5 * (a**2 + b**2) - a.abs().log()
        degraded = (
            0.5 * ((a**2 * v + (a * m + b - mu) ** 2) / (1 + var_u) + (1 + var_u).log()) - a.abs().log()
        )
        return clean + degraded

    return loss


def test_affine_flow_hessian() -> None:
    inputs, expected = case("affine_flow_hessian")
    m, v, step = inputs["m"], inputs["v"], inputs["learning_rate"]
    loss, at = one_layer_loss(m, v), tensor([1.0, 0.0, m, v - 1])
    hessian = torch.autograd.functional.hessian(loss, at)
    eigenvalues = torch.linalg.eigvalsh(hessian)

    def reparametrised(to_var, t) -> torch.Tensor:
        return torch.linalg.eigvalsh(
            torch.autograd.functional.hessian(
                lambda p: loss(torch.cat((p[:3], to_var(p[3:])))), torch.cat((at[:3], tensor([t])))
            )
        )

    assert_matches(
        dict(
            hessian=hessian,
            eigenvalues=eigenvalues,
            max_stable_step=2 / eigenvalues[-1],
            contraction=(1 - step * eigenvalues).abs().max(),
            eigenvalues_log_total_variance=reparametrised(lambda t: t.exp() - 1, np.log(v)),
            eigenvalues_square_root=reparametrised(lambda t: t**2, np.sqrt(v - 1)),
        ),
        expected,
    )


def test_zero_factor_saddle() -> None:
    inputs, expected = case("zero_factor_saddle")
    v = inputs["v"]
    loss = one_layer_loss(0.0, v)
    a_squared = 2 / (1 + v)
    saddle = tensor([a_squared**0.5, 0.0, 0.0, 0.0]).requires_grad_()
    gradient = torch.autograd.grad(loss(saddle), saddle)[0]
    np.testing.assert_allclose(gradient[:3], 0, atol=1e-12)  # stationary in everything but the variance
    alpha = tensor([0.0]).requires_grad_()
    with_alpha = loss(torch.cat((saddle.detach()[:3], alpha**2)))
    assert_matches(
        dict(
            a_squared=a_squared,
            excess_loss=(loss(saddle) - loss(tensor([1.0, 0.0, 0.0, v - 1]))).item(),
            grad_var_u=gradient[3].item(),
            alpha_growth_rate=-2 * gradient[3].item(),
            grad_alpha=torch.autograd.grad(with_alpha, alpha)[0].item(),
        ),
        expected,
    )


def linear_conditional_flow(inputs) -> Any:
    """z = W (x - m - B h): a shift decided by the condition, then an affine layer."""
    from nflib.bases import DomainGaussian
    from nflib.flow import Flow
    from nflib.transforms import Sequential

    class Shift(torch.nn.Linear):
        def __init__(self, i, o):
            super().__init__(i, o)
            with torch.no_grad():
                self.weight.copy_(torch.cat((torch.zeros(o // 2, i), -torch.tensor(inputs["B"]))))
                self.bias.copy_(torch.cat((torch.zeros(o // 2), -torch.tensor(inputs["m"]))))

    flow = Flow(Sequential(AffineInjector(2, 3, net=Shift), Affine(2)), DomainGaussian(2)).double()
    with torch.no_grad():
        net, affine = flow.transform[0].net, flow.transform[1]
        net.weight[2:], net.bias[2:] = -tensor(inputs["B"]), -tensor(inputs["m"])
        affine.weight.copy_(tensor(inputs["W"]))
        flow.base.mean[0].copy_(tensor(inputs["mu_u"]))
        flow.base.factor[0].copy_(tensor(inputs["A"]))
    return flow.requires_grad_(False)


def test_deflow_conditional_nll() -> None:
    inputs, expected = case("deflow_conditional_nll")
    flow = linear_conditional_flow(inputs)
    h, x, y = (tensor([inputs[k]]) for k in ("h", "x", "y"))
    unit = flow.decode(torch.cat((torch.zeros(1, 2), torch.eye(2))).double(), h.expand(3, -1))
    mean_x, unwhiten = unit[0], (unit[1:] - unit[0]).T
    total = torch.eye(2, dtype=torch.float64) + flow.base.factor[0] @ flow.base.factor[0].T
    assert_matches(
        dict(
            z_x=flow.encode(x, h)[0],
            z_y=flow.encode(y, h)[0],
            log_abs_det=flow.transform(x, h)[1][0],
            log_p_x=flow.log_prob(x, h)[0],
            log_p_y=flow.log_prob(y, h, "degraded")[0],
            mean_x_given_h=mean_x,
            cov_x_given_h=unwhiten @ unwhiten.T,
            mean_y_given_h=flow.decode(flow.base.mean[0][None], h)[0],
            cov_y_given_h=unwhiten @ total @ unwhiten.T,
        ),
        expected,
    )


def test_deflow_translate(monkeypatch) -> None:
    inputs, expected = case("deflow_translate")
    flow = linear_conditional_flow(inputs)
    h, x = tensor([inputs["h"]]), tensor([inputs["x"]])
    monkeypatch.setattr("nflib.bases.randn", lambda shape, like, generator: tensor([inputs["eps"]]))
    z = flow.encode(x, h)
    y = [flow.decode(z + flow.base.shift(z, tau), h)[0] for tau in inputs["taus"]]
    np.testing.assert_allclose(torch.stack(y), expected["y"], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(z[0], expected["z_x"], rtol=1e-9)


def test_deflow_tau_moments() -> None:
    """Mean and covariance of f^-1(z + tau u): exact for a linear flow from its action on the unit vectors."""
    from torch.distributions import MultivariateNormal, kl_divergence

    inputs, expected = case("deflow_tau_moments")
    flow = linear_conditional_flow(inputs)
    h = tensor([inputs["h"]])
    mu, factor = flow.base.mean[0], flow.base.factor[0]
    unit = flow.decode(torch.cat((torch.zeros(1, 2), torch.eye(2))).double(), h.expand(3, -1))
    origin, unwhiten = unit[0], (unit[1:] - unit[0]).T

    def law(tau) -> Any:
        latent = torch.eye(2, dtype=torch.float64) + tau**2 * factor @ factor.T
        return MultivariateNormal(origin + tau * unwhiten @ mu, unwhiten @ latent @ unwhiten.T)

    laws = [law(tau) for tau in inputs["taus"]]
    assert_matches(
        dict(
            mean=torch.stack([p.mean for p in laws]),
            cov=torch.stack([p.covariance_matrix for p in laws]),
            kl_to_model_y=torch.stack([kl_divergence(p, law(1.0)) for p in laws]),
            offset_given_x=torch.stack([tau * unwhiten @ mu for tau in inputs["taus"]]),
            cov_given_x=torch.stack(
                [tau**2 * unwhiten @ factor @ factor.T @ unwhiten.T for tau in inputs["taus"]]
            ),
        ),
        expected,
    )


def test_deflow_reverse_posterior() -> None:
    from nflib.bases import DomainGaussian

    inputs, expected = case("deflow_reverse_posterior")
    base = DomainGaussian(2).double().requires_grad_(False)
    base.mean[0].copy_(tensor(inputs["mu_u"]))
    base.factor[0].copy_(tensor(inputs["A"]))
    mean, (cov,) = base.posterior(tensor([inputs["z_y"]]))
    assert_matches(dict(mean=mean[0], cov=cov), expected)


def test_nf_loss_missing_half() -> None:
    """Minimise f^2/2 - log|f'| and f^2 - log|f'| over f = a x by Newton steps on autograd derivatives."""
    inputs, expected = case("nf_loss_missing_half")
    found = {}
    for half, name in ((0.5, "correct"), (1.0, "without_half")):
        a = tensor(0.3).requires_grad_()
        for _ in range(50):
            loss = half * a**2 * inputs["s"] - a.log()
            gradient = torch.autograd.grad(loss, a, create_graph=True)[0]
            curvature = torch.autograd.grad(gradient, a)[0]
            a = (a - gradient.detach() / curvature).detach().requires_grad_()
        a = a.detach()
        found |= {
            f"a_squared_{name}": a**2,
            f"latent_variance_{name}": a**2 * inputs["s"],
            "min_loss_" + name: half * a**2 * inputs["s"] - a.log(),
        }
    assert_matches(found, expected)


@pytest.mark.parametrize("name", ["squeeze_2x2", "conv_1x1"])
def test_inverse_restores_the_input(name) -> None:
    inputs, _ = case(name)
    x = tensor(inputs["x"])[None]
    transform = Squeeze() if name == "squeeze_2x2" else InvertibleConv1x1(3).double()
    torch.testing.assert_close(transform.inverse(transform(x)[0])[0], x)
