"""The network of fast-photo: from two thumbnails to a global LUT and a bilateral grid.

The global LUT has three steps:

1. An optimal-transport colour map in closed form, weighted by learned gates.
2. A correction fitted to matched cells: attention between the cells of photo and style photo, then ridge regression.
3. A mix of learned LUTs (after Zeng et al. 2020, "Learning Image-adaptive 3D Lookup Tables").

The bilateral grid holds affine maps that are added to its result (Gharbi et al. 2017, arXiv 1707.02880; Xia et al.
2020, arXiv 2004.10955). All colours are sRGB: there optimal transport was nearer to known answers than in L*a*b* or
linear light.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.fast_photo.lut import apply_lut, identity_lut
from methods.fast_photo.transport import (
    LEAST_SPREAD,
    QUANTILES,
    Moments,
    curves_between,
    moments,
    monge_kantorovitch,
    quantiles,
    through_curves,
)
from methods.parts.color import LUMA

THUMBNAIL = 128  # side in pixels
PLACES = 16  # cells per side, of the grid and of the attention
LEVELS = 8  # levels of the grid along the guide
BINS = 8  # bins of the colour histogram per axis
TABLE = 9  # points per axis of a learned LUT
EXPORTED = 33  # points per axis of the LUT that is applied to pictures
SMOOTH = 0.12  # bandwidth of the kernel regression, in units of sRGB
KNOTS = 16  # steps of each of the guide's curves


class StyleDescriptor(NamedTuple):
    """The description of a thumbnail: statistics of all its colours, and a key and a colour for each of its ``T`` cells.

    ``blend_descriptors`` makes one descriptor from several.
    """

    mean: Tensor  # (N, 3)
    covariance: Tensor  # (N, 3, 3)
    quantiles: Tensor  # (N, 6, Q)
    histogram: Tensor  # (N, BINS ** 3)
    features: Tensor  # (N, 2 C): means and standard deviations of the encoder's channels
    keys: Tensor  # (N, T, K): attention keys of length 1
    colours: Tensor  # (N, T, 3)
    weights: Tensor  # (N, T): weights of the cells, sums of 1

    @property
    def moments(self) -> Moments:
        return Moments(self.mean, self.covariance)


class Match(NamedTuple):
    """The result of the attention for each cell of the photo."""

    colours: Tensor  # (N, T, 3): mean colour of the matched cells of the style
    certainty: Tensor  # (N, T) in [0, 1]


class GlobalMap(NamedTuple):
    """The global colour map as its steps: an affine map, curves, a second affine map, a coarse LUT of offsets."""

    matrix: Tensor  # (N, 3, 3)
    offset: Tensor  # (N, 3)
    curves: Tensor  # (N, 3, knots): offsets at equal steps of each channel
    correction: Tensor  # (N, 3, 4): the second affine map
    residual: Tensor  # (N, 3, 9, 9, 9): a LUT of offsets

    def __call__(self, pixels: Tensor) -> Tensor:
        """Map ``(N, 3, H, W)`` in [0, 1] to the same shape; the result is not clamped."""
        moved = linear(self.matrix, self.offset, pixels)
        moved = moved + through_curves(self.curves, moved)
        moved = linear(self.correction[:, :, :3], self.correction[:, :, 3], moved)
        return moved + apply_lut(self.residual, moved.clamp(0, 1))


class Maps(NamedTuple):
    """The output of the network."""

    global_map: GlobalMap
    grid: Tensor  # (N, 12, LEVELS, PLACES, PLACES): affine maps of the mapped colours; their result is added
    match: Match


class FastPhotoNetwork(nn.Module):
    """``width`` channels of features, ``keys`` numbers per attention key, ``bases`` learned LUTs, ``hidden`` units.

    Some names of the state dict are words of this project: ``trust`` are the gates of optimal transport, ``caution``
    the logarithms of the ridge strengths, ``sharpness`` the inverse temperatures of the attention.
    """

    def __init__(self, width: int = 48, keys: int = 32, bases: int = 24, hidden: int = 96) -> None:
        super().__init__()
        self.shape = {"width": width, "keys": keys, "bases": bases, "hidden": hidden}
        self.encoder = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride, dilation, dilation)
            for a, b, stride, dilation in (
                (6, 16, 2, 1),
                (16, 32, 2, 1),
                (32, width, 2, 1),
                (width, width, 1, 1),
                (width, width, 1, 2),
            )
        )
        self.key = nn.Conv2d(width + 1, keys, 1)
        self.sharpness = nn.Parameter(torch.tensor([10.0, 50.0]))  # of keys, of colours
        self.certainty = nn.Linear(3, 1)
        self.caution = nn.Parameter(torch.tensor([-5.0, 0.0]))  # of the affine fit, of the fitted LUT
        seen = 2 * (6 * QUANTILES + 9)
        self.trust = nn.Sequential(nn.Linear(seen, hidden // 2), nn.GELU(), nn.Linear(hidden // 2, 5))
        self.bins = nn.Linear(BINS**3, 48)
        described = seen + 2 * (48 + 2 * width)
        self.body = nn.Sequential(nn.Linear(described, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU())
        self.mixture = nn.Linear(hidden, bases)
        coarse = 0.05 * torch.randn(bases, 3, 4, 4, 4)
        self.bases = nn.Parameter(F.interpolate(coarse, (TABLE,) * 3, mode="trilinear").flatten(1))
        self.modulation = nn.Linear(hidden, 2 * 64)
        self.local = nn.ModuleList([nn.Conv2d(width + 7, 64, 3, 1, 1), nn.Conv2d(64, 48, 3, 1, 1)])
        self.coefficients = nn.Conv2d(48, 12 * LEVELS, 1)
        self.guide_mix = nn.Parameter(torch.eye(3) + 0.02 * torch.randn(3, 3))
        self.guide_steps = nn.Parameter(torch.zeros(3, KNOTS))
        self.guide_shares = nn.Parameter(torch.tensor(LUMA).log())
        for layer in (self.mixture, self.modulation, self.coefficients, self.trust[2], self.certainty):
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.trust[2].bias, 2.0)  # type: ignore[arg-type]

    def encode_style(self, thumbnails: Tensor, masks: Tensor | None = None) -> tuple[StyleDescriptor, Tensor]:
        """The descriptor of ``(N, 3, 128, 128)`` in [0, 1], and the encoder's features ``(N, C, 16, 16)``.

        With ``masks`` ``(N, 1, 128, 128)`` in [0, 1], which must not be 0 everywhere, only the pixels inside count.
        """
        deviation, mean = torch.std_mean(thumbnails, (2, 3), keepdim=True)
        x = torch.cat([thumbnails - 0.5, (thumbnails - mean) / (deviation + 0.05)], 1).to(self.bases.dtype)
        for index, layer in enumerate(self.encoder):
            x = F.gelu(layer(x)) + (x if index > 2 else 0)
        height = torch.linspace(-1, 1, PLACES).to(x)[:, None].expand(len(x), 1, -1, PLACES)
        keys = F.normalize(self.key(torch.cat([x, height], 1)).float().flatten(2), dim=1).transpose(1, 2)
        features = x.float()
        inside = within(thumbnails, masks)
        own = moments(inside)
        with torch.no_grad():
            ranks, bins = quantiles(inside), histogram(inside)
        weights = shares_of_places(torch.ones_like(thumbnails[:, :1]) if masks is None else masks)
        flat = features.flatten(2)
        average = (flat * weights[:, None]).sum(2)
        variance = ((flat - average[:, :, None]).square() * weights[:, None]).sum(2)
        described = torch.cat([average, (variance + 1e-5).sqrt()], 1)
        return StyleDescriptor(
            own.mean, own.covariance, ranks, bins, described, keys, at_places(thumbnails), weights
        ), features

    def forward(self, content: Tensor, style: StyleDescriptor, masks: Tensor | None = None) -> Maps:
        """The maps for thumbnails ``(N, 3, 128, 128)`` in [0, 1] and one style descriptor, or ``N`` of them.

        With ``masks`` as in ``encode_style`` the maps are for the pixels inside.
        """
        style = StyleDescriptor(*(t.expand(len(content), *t.shape[1:]) for t in style))
        own, features = self.encode_style(content, masks)
        dtype = self.bases.dtype
        # 1. Optimal transport of mean and covariance, then of quantiles.
        seen = torch.cat([*flat_colours(own.quantiles, own.moments), *flat_colours(style.quantiles, style.moments)], 1)
        trust = self.trust(seen.to(dtype)).float().sigmoid()
        matrix, _ = monge_kantorovitch(own.moments, style.moments)
        eye = torch.eye(3).to(matrix)
        matrix = eye + trust[:, :1, None] * (matrix - eye)
        # The mean colour has a gate of its own.
        shift = trust[:, 1:2] * (style.mean - own.mean)
        offset = own.mean + shift - torch.einsum("nij,nj->ni", matrix, own.mean)
        moved = linear(matrix, offset, content)
        # In a style of one colour, quantiles and cells mean nothing. They count less when its lightness varies less.
        spread = ((style.covariance.sum((1, 2)) / 3).clamp_min(0).sqrt() / LEAST_SPREAD).clamp(max=1)[:, None]
        curves = curves_between(quantiles(within(moved.detach(), masks))[:, :3], style.quantiles[:, :3])
        curves = curves * (trust[:, 2:] * spread)[:, :, None]
        moved = moved + through_curves(curves, moved)

        # 2. Match the photo's cells with cells of the style, and fit a correction to the matches.
        places = at_places(moved)
        match = self.match(own.keys, places, style)
        match = match._replace(certainty=match.certainty * spread)
        counted = match._replace(certainty=match.certainty * own.weights * own.weights.shape[1])
        correction = fitted(places, counted, self.caution[0].float().exp())
        moved = linear(correction[:, :, :3], correction[:, :, 3], moved).clamp(0, 1)
        table = table_of(at_places(moved), counted, self.caution[1].float().exp())

        # 3. Mix the learned LUTs.
        inside = within(moved, masks)
        described = torch.cat(
            [
                *flat_colours(quantiles(inside.detach()), moments(inside)),
                *flat_colours(style.quantiles, style.moments),
                self.bins(histogram(inside.detach()).sqrt().to(dtype)),  # roots, so that rare colours count
                self.bins(style.histogram.sqrt().to(dtype)),
                own.features,
                style.features,
            ],
            1,
        )
        hidden = self.body(described.to(dtype))
        learned = (self.mixture(hidden).float() @ self.bases.float()).view_as(table)
        global_map = GlobalMap(matrix, offset, curves, correction, table + learned)

        # The bilateral grid, from the difference that is left at each cell.
        colours = at_places(global_map(content))
        missing = torch.cat([match.colours - colours, colours, match.certainty[:, :, None]], 2)
        missing = missing.transpose(1, 2).reshape(len(content), 7, PLACES, PLACES)
        x = torch.cat([features, missing], 1).to(dtype)
        scale, bias = self.modulation(hidden)[:, :, None, None].chunk(2, 1)
        x = F.gelu(self.local[0](x) * (1 + scale) + bias)
        x = F.gelu(self.local[1](x))
        grid = self.coefficients(x).float().view(len(content), 12, LEVELS, PLACES, PLACES)
        return Maps(global_map, grid, match)

    def match(self, keys: Tensor, colours: Tensor, style: StyleDescriptor) -> Match:
        """Attention from the photo's cells to the style's: by ``keys`` ``(N, T, K)`` and mapped ``colours`` ``(N, T, 3)``."""
        alike = keys @ style.keys.transpose(1, 2)
        sharpness = self.sharpness.float().abs()
        logits = sharpness[0] * alike - sharpness[1] * torch.cdist(colours, style.colours).square()
        shares = (logits + style.weights.clamp_min(1e-9).log()[:, None]).softmax(2)
        spread = (shares * shares.clamp_min(1e-9).log()).sum(2)
        signs = torch.stack([alike.amax(2), (shares * alike).sum(2), spread / 5], 2)
        certainty = self.certainty(signs.to(self.bases.dtype)).float().sigmoid()[:, :, 0]
        return Match(shares @ style.colours, certainty)

    def guide(self, colours: Tensor) -> Tensor:
        """The guide of ``colours`` ``(N, 3, ...)``: their level in the grid, ``(N, 1, ...)`` in [0, 1]; the curves rise."""
        x = torch.einsum("kc,nc...->nk...", self.guide_mix.float(), colours).clamp(0, 1)
        steps = F.softmax(self.guide_steps.float(), 1)
        curves = F.pad(steps.cumsum(1), (1, 0)) - torch.linspace(0, 1, KNOTS + 1).to(steps)
        curves = curves[None].expand(len(x), -1, -1)
        shares = F.softmax(self.guide_shares.float(), 0)
        return torch.einsum("c,nc...->n...", shares, x + through_curves(curves, x))[:, None]


def sliced(grid: Tensor, guide: Tensor) -> Tensor:
    """Slice the grid: coefficients ``(N, 12, H, W)`` by trilinear interpolation at x, y and ``guide`` ``(N, 1, H, W)``."""
    n, _, height, width = guide.shape
    y = torch.linspace(-1 + 1 / height, 1 - 1 / height, height).to(guide)
    x = torch.linspace(-1 + 1 / width, 1 - 1 / width, width).to(guide)
    places = torch.stack([x.expand(n, height, -1), y[:, None].expand(n, -1, width), guide[:, 0] * 2 - 1], -1)
    return F.grid_sample(grid, places[:, None], padding_mode="border", align_corners=False)[:, :, 0]


def affine(coefficients: Tensor, colours: Tensor) -> Tensor:
    """Apply the 3x4 map ``(N, 12, H, W)`` of every pixel to ``colours`` ``(N, 3, H, W)``."""
    rows = coefficients.view(len(colours), 3, 4, *colours.shape[2:])
    result: Tensor = (rows[:, :, :3] * colours[:, None]).sum(2) + rows[:, :, 3]
    return result


def histogram(pixels: Tensor) -> Tensor:
    """The colour histogram ``(N, BINS ** 3)`` of ``(N, 3, H, W)``, with sums of 1; differentiable.

    Each colour is shared between the two nearest bins along each axis.
    """
    n = len(pixels)
    place = pixels[:, :, ::2, ::2].flatten(2).clamp(0, 1) * (BINS - 1)
    low = place.long().clamp(0, BINS - 2)
    high_share = place - low
    bins = pixels.new_zeros(n, BINS**3)
    for corner in range(8):
        bits = [(corner >> axis) & 1 for axis in range(3)]
        index = sum((low[:, c] + bits[c]) * BINS**c for c in range(3))
        share = torch.stack([high_share[:, c] if bits[c] else 1 - high_share[:, c] for c in range(3)]).prod(0)
        bins = bins.scatter_add(1, index, share)
    return bins / place.shape[2]


def at_places(pixels: Tensor) -> Tensor:
    """Mean colours of the cells of ``(N, 3, 128, 128)``: ``(N, T, 3)``."""
    return F.adaptive_avg_pool2d(pixels, PLACES).flatten(2).transpose(1, 2)


def shares_of_places(masks: Tensor) -> Tensor:
    """The share of ``masks`` ``(N, 1, 128, 128)`` in each cell: ``(N, T)``, sums of 1."""
    mass = F.adaptive_avg_pool2d(masks, PLACES).flatten(1)
    return mass / mass.sum(1, keepdim=True)


def within(pixels: Tensor, masks: Tensor | None) -> Tensor:
    """Sample pixels of ``(N, 3, H, W)`` evenly, in proportion to ``masks`` ``(N, 1, H, W)``: the same shape.

    Means, quantiles and histograms of the result are those inside the masks. Positions are lost.
    """
    if masks is None:
        return pixels
    mass = masks.flatten(1).double().cumsum(1)
    steps = (torch.arange(mass.shape[1], device=mass.device) + 0.5) / mass.shape[1]
    index = torch.searchsorted(mass, steps * mass[:, -1:]).clamp(max=mass.shape[1] - 1)
    return pixels.flatten(2).gather(2, index[:, None].expand(-1, 3, -1)).view_as(pixels)


def linear(matrix: Tensor, offset: Tensor, pixels: Tensor) -> Tensor:
    """Apply ``matrix`` ``(N, 3, 3)`` and ``offset`` ``(N, 3)`` to every pixel of ``(N, 3, H, W)``."""
    return torch.baddbmm(offset[:, :, None], matrix, pixels.flatten(2)).view(pixels.shape)


def fitted(colours: Tensor, match: Match, resistance: Tensor) -> Tensor:
    """The affine map ``(N, 3, 4)`` from ``colours`` ``(N, T, 3)`` to their matches; without certainty the identity.

    Ridge regression in closed form: cells are weighted by certainty, ``resistance`` is the ridge strength.
    """
    ones = torch.cat([colours, torch.ones_like(colours[:, :, :1])], 2)
    weighted = ones.transpose(1, 2) * match.certainty[:, None] / colours.shape[1]
    pull = resistance * torch.eye(4).to(colours)
    change: Tensor = torch.linalg.solve(weighted @ ones + pull, weighted @ (match.colours - colours))
    return torch.eye(3, 4).to(colours) + change.transpose(1, 2)


def table_of(colours: Tensor, match: Match, resistance: Tensor) -> Tensor:
    """A LUT ``(N, 3, 9, 9, 9)`` of offsets from ``colours`` ``(N, T, 3)`` to their matches.

    Kernel regression over cells of similar colour; 0 if there are none. ``resistance`` is the ridge strength.
    """
    points = identity_lut(TABLE).to(colours).flatten(1).T[None]
    near = torch.exp(-0.5 * torch.cdist(points, colours).square() / SMOOTH**2) * match.certainty[:, None]
    added = near @ (match.colours - colours) / (near.sum(2, keepdim=True) + resistance)
    return added.transpose(1, 2).reshape(len(colours), 3, TABLE, TABLE, TABLE)


def flat_colours(ranks: Tensor, own: Moments) -> list[Tensor]:
    """Quantiles, means and covariances, scaled as inputs of a layer: ``(N, 6 Q)``, ``(N, 3)`` and ``(N, 6)``."""
    rows, columns = torch.triu_indices(3, 3, device=own.covariance.device)
    return [ranks.flatten(1) - 0.5, own.mean - 0.5, 10 * own.covariance[:, rows, columns]]


def blend_descriptors(descriptors: StyleDescriptor, shares: Tensor) -> StyleDescriptor:
    """One descriptor from several ``(N, ...)`` with ``shares`` ``(N,)`` that sum to 1: mean statistics, and all cells."""
    means = {
        name: torch.einsum("n...,n->...", getattr(descriptors, name), shares)[None]
        for name in ("mean", "covariance", "quantiles", "histogram", "features")
    }
    places = {name: getattr(descriptors, name).flatten(0, 1)[None] for name in ("keys", "colours")}
    return StyleDescriptor(**means, **places, weights=(descriptors.weights * shares[:, None]).flatten()[None])
