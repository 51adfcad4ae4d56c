"""From two thumbnails to a colour map: one table for the whole picture, and what differs from place to place.

The table is a closed-form transport of colours that the network trusts as far as it finds right, then what makes places of
the photo like the places of the style that resemble them, by attention and two fits in closed form, then a mixture of learned
tables (after Zeng et al. 2020, "Learning Image-adaptive 3D Lookup Tables"). What differs from place to place is a bilateral
grid of affine maps (Gharbi et al. 2017, arXiv 1707.02880; Xia et al. 2020, arXiv 2004.10955). All in sRGB, where the
closed form came nearer to known answers than in L*a*b* or in linear light.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.fast_photo.cube import apply_lut, identity_lut
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

THUMBNAIL = 128  # pixels a side
PLACES = 16  # cells of the grid a side
LEVELS = 8  # of its guide
BINS = 8  # of the colour histogram, a side
TABLE = 9  # points a side of a learned table
EXPORTED = 33  # points a side of the table that pictures go through
SMOOTH = 0.12  # how far a place's colour reaches in a table that is fitted to places
KNOTS = 16  # of the guide's curves


class StyleDescriptor(NamedTuple):
    """What is known of a thumbnail: its colours as a whole, and those of each of its ``T`` places with a key to find them.

    Of several, ``blend_descriptors`` makes one again.
    """

    mean: Tensor  # (N, 3)
    covariance: Tensor  # (N, 3, 3)
    quantiles: Tensor  # (N, 6, Q)
    histogram: Tensor  # (N, BINS ** 3)
    features: Tensor  # (N, 2 C): means and deviations of the encoder's channels
    keys: Tensor  # (N, T, K), of length 1
    colours: Tensor  # (N, T, 3)
    weights: Tensor  # (N, T), sums of 1

    @property
    def moments(self) -> Moments:
        return Moments(self.mean, self.covariance)


class Match(NamedTuple):
    """For each place of a photo, the colour of the places of the style that are like it, and how sure that is."""

    colours: Tensor  # (N, T, 3)
    certainty: Tensor  # (N, T) in [0, 1]


class GlobalMap(NamedTuple):
    """A table in its steps: an affine map, curves, another affine map, and a coarse table that is added."""

    matrix: Tensor  # (N, 3, 3)
    offset: Tensor  # (N, 3)
    curves: Tensor  # (N, 3, knots): what is added at equal steps of each channel
    correction: Tensor  # (N, 3, 4)
    residual: Tensor  # (N, 3, 9, 9, 9): what the coarse table adds

    def __call__(self, pixels: Tensor) -> Tensor:
        """Of ``(N, 3, H, W)`` in [0, 1]: the same, not clamped."""
        moved = linear(self.matrix, self.offset, pixels)
        moved = moved + through_curves(self.curves, moved)
        moved = linear(self.correction[:, :, :3], self.correction[:, :, 3], moved)
        return moved + apply_lut(self.residual, moved.clamp(0, 1))


class Maps(NamedTuple):
    """What the network answers."""

    global_map: GlobalMap
    grid: Tensor  # (N, 12, LEVELS, PLACES, PLACES): affine maps of the mapped colours, to be added to them
    match: Match


class FastPhotoNetwork(nn.Module):
    """``width`` channels, ``keys`` numbers to find places by, ``bases`` learned tables, ``hidden`` units."""

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
        self.caution = nn.Parameter(torch.tensor([-5.0, 0.0]))  # of the fits: logarithms of what they resist by
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
        """Of ``(N, 3, 128, 128)`` in [0, 1]: its look, and the features ``(N, C, 16, 16)``.

        With ``masks`` ``(N, 1, 128, 128)`` in [0, 1], not empty, the look is of what is inside.
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
        """Of thumbnails ``(N, 3, 128, 128)`` and a look of ``N`` or 1.

        With ``masks`` as for ``look`` the maps are for what is inside of them.
        """
        style = StyleDescriptor(*(t.expand(len(content), *t.shape[1:]) for t in style))
        own, features = self.encode_style(content, masks)
        dtype = self.bases.dtype
        seen = torch.cat([*flat_colours(own.quantiles, own.moments), *flat_colours(style.quantiles, style.moments)], 1)
        trust = self.trust(seen.to(dtype)).float().sigmoid()
        matrix, _ = monge_kantorovitch(own.moments, style.moments)
        eye = torch.eye(3).to(matrix)
        matrix = eye + trust[:, :1, None] * (matrix - eye)
        # The mean colour moves as far as the network says, whatever the matrix does about it.
        shift = trust[:, 1:2] * (style.mean - own.mean)
        offset = own.mean + shift - torch.einsum("nij,nj->ni", matrix, own.mean)
        moved = linear(matrix, offset, content)
        # A style of one colour has no ranks and no places to follow: the less lightness varies, the less they count.
        spread = ((style.covariance.sum((1, 2)) / 3).clamp_min(0).sqrt() / LEAST_SPREAD).clamp(max=1)[:, None]
        curves = curves_between(quantiles(within(moved.detach(), masks))[:, :3], style.quantiles[:, :3])
        curves = curves * (trust[:, 2:] * spread)[:, :, None]
        moved = moved + through_curves(curves, moved)

        # What no distribution tells: which place of the style is like which place of the photo.
        places = at_places(moved)
        match = self.match(own.keys, places, style)
        match = match._replace(certainty=match.certainty * spread)
        counted = match._replace(certainty=match.certainty * own.weights * own.weights.shape[1])
        correction = fitted(places, counted, self.caution[0].float().exp())
        moved = linear(correction[:, :, :3], correction[:, :, 3], moved).clamp(0, 1)
        table = table_of(at_places(moved), counted, self.caution[1].float().exp())

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
        """To each place, by its key and its mapped colour, the colours of the style's places that are like it."""
        alike = keys @ style.keys.transpose(1, 2)
        sharpness = self.sharpness.float().abs()
        logits = sharpness[0] * alike - sharpness[1] * torch.cdist(colours, style.colours).square()
        shares = (logits + style.weights.clamp_min(1e-9).log()[:, None]).softmax(2)
        spread = (shares * shares.clamp_min(1e-9).log()).sum(2)
        signs = torch.stack([alike.amax(2), (shares * alike).sum(2), spread / 5], 2)
        certainty = self.certainty(signs.to(self.bases.dtype)).float().sigmoid()[:, :, 0]
        return Match(shares @ style.colours, certainty)

    def guide(self, colours: Tensor) -> Tensor:
        """Which level of the grid ``colours`` ``(N, 3, ...)`` are at: ``(N, 1, ...)`` in [0, 1], rising along each curve."""
        x = torch.einsum("kc,nc...->nk...", self.guide_mix.float(), colours).clamp(0, 1)
        steps = F.softmax(self.guide_steps.float(), 1)
        curves = F.pad(steps.cumsum(1), (1, 0)) - torch.linspace(0, 1, KNOTS + 1).to(steps)
        curves = curves[None].expand(len(x), -1, -1)
        shares = F.softmax(self.guide_shares.float(), 0)
        return torch.einsum("c,nc...->n...", shares, x + through_curves(curves, x))[:, None]


def sliced(grid: Tensor, guide: Tensor) -> Tensor:
    """The coefficients ``(N, 12, H, W)`` at every pixel, whose guide is ``(N, 1, H, W)``: linear along x, y and the guide."""
    n, _, height, width = guide.shape
    y = torch.linspace(-1 + 1 / height, 1 - 1 / height, height).to(guide)
    x = torch.linspace(-1 + 1 / width, 1 - 1 / width, width).to(guide)
    places = torch.stack([x.expand(n, height, -1), y[:, None].expand(n, -1, width), guide[:, 0] * 2 - 1], -1)
    return F.grid_sample(grid, places[:, None], padding_mode="border", align_corners=False)[:, :, 0]


def affine(coefficients: Tensor, colours: Tensor) -> Tensor:
    """What the 3x4 map ``(N, 12, H, W)`` of every pixel makes of ``colours`` ``(N, 3, H, W)``."""
    rows = coefficients.view(len(colours), 3, 4, *colours.shape[2:])
    result: Tensor = (rows[:, :, :3] * colours[:, None]).sum(2) + rows[:, :, 3]
    return result


def histogram(pixels: Tensor) -> Tensor:
    """Shares of the colours of ``(N, 3, H, W)`` in ``BINS`` cubed bins, each between the nearest two along each axis.

    ``(N, BINS ** 3)``, differentiable.
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
    """Mean colours of the places of ``(N, 3, 128, 128)``: ``(N, T, 3)``."""
    return F.adaptive_avg_pool2d(pixels, PLACES).flatten(2).transpose(1, 2)


def shares_of_places(masks: Tensor) -> Tensor:
    """How much of ``masks`` ``(N, 1, 128, 128)`` is at each place: ``(N, T)``, sums of 1."""
    mass = F.adaptive_avg_pool2d(masks, PLACES).flatten(1)
    return mass / mass.sum(1, keepdim=True)


def within(pixels: Tensor, masks: Tensor | None) -> Tensor:
    """Pixels drawn from ``(N, 3, H, W)`` by their weight in ``masks`` ``(N, 1, H, W)``, evenly: the same shape.

    Their order says nothing any more; means, ranks and histograms are those of what is inside.
    """
    if masks is None:
        return pixels
    mass = masks.flatten(1).double().cumsum(1)
    steps = (torch.arange(mass.shape[1], device=mass.device) + 0.5) / mass.shape[1]
    index = torch.searchsorted(mass, steps * mass[:, -1:]).clamp(max=mass.shape[1] - 1)
    return pixels.flatten(2).gather(2, index[:, None].expand(-1, 3, -1)).view_as(pixels)


def linear(matrix: Tensor, offset: Tensor, pixels: Tensor) -> Tensor:
    """``matrix`` ``(N, 3, 3)`` and ``offset`` ``(N, 3)`` of every pixel of ``(N, 3, H, W)``."""
    return torch.baddbmm(offset[:, :, None], matrix, pixels.flatten(2)).view(pixels.shape)


def fitted(colours: Tensor, match: Match, resistance: Tensor) -> Tensor:
    """The affine map ``(N, 3, 4)`` that makes ``colours`` ``(N, T, 3)`` most like their matches, the identity when unsure.

    Ridge regression in closed form, each place by its certainty.
    """
    ones = torch.cat([colours, torch.ones_like(colours[:, :, :1])], 2)
    weighted = ones.transpose(1, 2) * match.certainty[:, None] / colours.shape[1]
    pull = resistance * torch.eye(4).to(colours)
    change: Tensor = torch.linalg.solve(weighted @ ones + pull, weighted @ (match.colours - colours))
    return torch.eye(3, 4).to(colours) + change.transpose(1, 2)


def table_of(colours: Tensor, match: Match, resistance: Tensor) -> Tensor:
    """What to add to ``colours`` ``(N, T, 3)`` to make them their matches, as a table ``(N, 3, 9, 9, 9)``.

    At each point of the table the mean over the places of about its colour; nothing where there are none.
    """
    points = identity_lut(TABLE).to(colours).flatten(1).T[None]
    near = torch.exp(-0.5 * torch.cdist(points, colours).square() / SMOOTH**2) * match.certainty[:, None]
    added = near @ (match.colours - colours) / (near.sum(2, keepdim=True) + resistance)
    return added.transpose(1, 2).reshape(len(colours), 3, TABLE, TABLE, TABLE)


def flat_colours(ranks: Tensor, own: Moments) -> list[Tensor]:
    """Quantiles, means and covariances as inputs of a layer: ``(N, 6 Q)`` and ``(N, 9)``."""
    rows, columns = torch.triu_indices(3, 3, device=own.covariance.device)
    return [ranks.flatten(1) - 0.5, own.mean - 0.5, 10 * own.covariance[:, rows, columns]]


def blend_descriptors(looks: StyleDescriptor, shares: Tensor) -> StyleDescriptor:
    """One look of several ``(N, ...)`` by their ``shares`` ``(N,)``, which sum to 1: means, and the places of all."""
    means = {
        name: torch.einsum("n...,n->...", getattr(looks, name), shares)[None]
        for name in ("mean", "covariance", "quantiles", "histogram", "features")
    }
    places = {name: getattr(looks, name).flatten(0, 1)[None] for name in ("keys", "colours")}
    return StyleDescriptor(**means, **places, weights=(looks.weights * shares[:, None]).flatten()[None])
