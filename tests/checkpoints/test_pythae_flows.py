"""The flows of pythae's posteriors: images are pythae's own, inverses exact, log determinants those of autograd."""

import pytest
import torch

from gapkit.checkpoints.adapters.pythae_flows import Planar, transform_of


def layer(kind, dim):
    from pythae.models import normalizing_flows as flows

    torch.manual_seed(dim)
    if kind == "IAF":
        config = flows.IAFConfig(
            input_dim=(dim,), n_made_blocks=2, n_hidden_in_made=1, hidden_size=7, include_batch_norm=False
        )
        return flows.IAF(config).double()
    made = getattr(flows, f"{kind}Flow")(getattr(flows, f"{kind}FlowConfig")(input_dim=(dim,))).double()
    if kind == "Planar":
        with torch.no_grad():  # slopes on both sides of zero, of which -0.9 nearly folds
            made.u.copy_((3.0 if dim == 2 else -0.9) * made.w / made.w.square().sum())
    return made


@pytest.mark.parametrize("dim", [2, 3, 5])
@pytest.mark.parametrize("kind", ["IAF", "Planar", "Radial"])
def test_flows(kind, dim):
    own = layer(kind, dim)
    flow = transform_of(own)
    u = (2 * torch.randn(4, 3, dim, dtype=torch.float64)).requires_grad_()
    z = flow(u)
    out = own.inverse(u.flatten(0, 1)) if kind == "IAF" else own(u.flatten(0, 1))
    torch.testing.assert_close(z, out.out.reshape(z.shape))
    rows = [torch.autograd.grad(z[..., i].sum(), u, retain_graph=True)[0] for i in range(dim)]
    exact = torch.linalg.slogdet(torch.stack(rows, -2))[1]
    torch.testing.assert_close(flow.log_abs_det_jacobian(u, z), exact)
    # pythae adds 1e-4 to the determinant of a planar flow before it takes the logarithm.
    theirs = out.log_abs_det_jac.reshape(exact.shape).double()
    off = torch.log1p(1e-4 / exact.exp()) if kind == "Planar" else 0 * exact
    torch.testing.assert_close(theirs, exact + off, rtol=1e-6, atol=1e-6)  # it adds up in float32
    wanted = z.detach().requires_grad_()
    back = flow.inv(wanted)
    torch.testing.assert_close(back, u.detach(), rtol=1e-9, atol=1e-9)
    inverse = torch.stack(
        [torch.autograd.grad(back[..., i].sum(), wanted, retain_graph=True)[0] for i in range(dim)], -2
    )
    eye = torch.eye(dim, dtype=torch.float64).expand(4, 3, dim, dim)
    torch.testing.assert_close(torch.stack(rows, -2) @ inverse, eye, rtol=1e-8, atol=1e-8)


def test_a_planar_flow_tells_where_it_folds():
    own = layer("Planar", 2)
    assert Planar(own).slope == pytest.approx(3)
