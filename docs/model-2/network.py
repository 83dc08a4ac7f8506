"""EfficientNet-Lite0 with two experts, in torch, weight for weight the project's Keras layers.

For training only: on a CPU with AMX a bfloat16 step takes a fraction of TensorFlow's. Batch
normalisation keeps its statistics (as frozen layers do in Keras) and is computed on the weights,
not on the features: the same function and the same gradients for a third of the memory traffic.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320),
)  # fmt: skip
TAPPED, TAP_CHANNELS = (1, 2, 3, 4), 96
WIDTH = len(TAPPED) * TAP_CHANNELS + 1280
EXPERTS = ("seam", "synthesis")
EPSILON = 1e-3
Layers = Mapping[str, list[np.ndarray]]


class Convolution(nn.Module):
    """Convolution, frozen batch normalisation, ReLU6 or nothing; padded as TensorFlow's "same"."""

    def __init__(self, into: int, out: int, kernel: int, stride: int, depthwise=False, active=True):
        super().__init__()
        groups = into if depthwise else 1
        self.weight = nn.Parameter(torch.empty(out, into // groups, kernel, kernel))
        self.gamma, self.beta = nn.Parameter(torch.ones(out)), nn.Parameter(torch.zeros(out))
        self.register_buffer("mean", torch.zeros(out))
        self.register_buffer("variance", torch.ones(out))
        self.kernel, self.stride, self.groups, self.active = kernel, stride, groups, active

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        factor = self.gamma * torch.rsqrt(self.variance + EPSILON)
        weight = (self.weight * factor[:, None, None, None]).to(x.dtype)
        bias = (self.beta - self.mean * factor).to(x.dtype)
        padding = self.kernel // 2
        if self.stride > 1:
            total = max(self.kernel - self.stride, 0)  # the sides here are even
            first = total // 2
            if first != total - first:
                x = F.pad(x, (first, total - first, first, total - first))
                padding = 0
            else:
                padding = first
        x = F.conv2d(x, weight, bias, self.stride, padding, 1, self.groups)
        return F.relu6(x) if self.active else x


class Block(nn.Module):
    """An inverted residual."""

    def __init__(self, into: int, out: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        wide = into * expansion
        self.expand = Convolution(into, wide, 1, 1) if expansion != 1 else None
        self.depthwise = Convolution(wide, wide, kernel, stride, depthwise=True)
        self.project = Convolution(wide, out, 1, 1, active=False)
        self.short = stride == 1 and into == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.expand(x) if self.expand is not None else x
        y = self.project(self.depthwise(y))
        return y + x if self.short else y


class TwoExperts(nn.Module):
    """(batch, 3, side, side), scaled -> (batch, 2): logits of seam and synthesis."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, 32, 3, 2)
        self.stages, self.taps = nn.ModuleList(), nn.ModuleDict()
        width = 32
        for stage, (repeats, kernel, stride, expansion, channels) in enumerate(STAGES):
            blocks = nn.ModuleList()
            for repeat in range(repeats):
                step = stride if repeat == 0 else 1
                blocks.append(Block(width, channels, kernel, step, expansion))
                width = channels
            self.stages.append(blocks)
            if stage in TAPPED:
                self.taps[str(stage)] = Convolution(channels, TAP_CHANNELS, 1, 1)
        self.head = Convolution(width, 1280, 1, 1)
        self.experts = nn.Linear(WIDTH, len(EXPERTS))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, WIDTH): means over places of the tapped stages, the finest first."""
        x = self.stem(x)
        pooled = []
        for stage, blocks in enumerate(self.stages):
            for block in blocks:
                x = block(x)
            if stage in TAPPED:
                pooled.append(self.taps[str(stage)](x).float().mean((2, 3)))
        pooled.append(self.head(x).float().mean((2, 3)))
        return torch.cat(pooled, 1)

    def forward(self, x: torch.Tensor, dropout: float = 0.2) -> torch.Tensor:
        return self.experts(F.dropout(self.features(x), dropout, self.training))

    def _convolutions(self) -> dict[str, Convolution]:
        found = {"stem": self.stem, "head": self.head}
        found |= {f"tap{key}": tap for key, tap in self.taps.items()}
        for stage, blocks in enumerate(self.stages):
            for repeat, block in enumerate(blocks):
                name = f"stage{stage}_block{repeat}"
                if block.expand is not None:
                    found[f"{name}_expand"] = block.expand
                found[f"{name}_depthwise"] = block.depthwise
                found[f"{name}_project"] = block.project
        return found

    def load_trunk(self, layers: Layers) -> None:
        """Fill everything but the experts from {name of a Keras layer: its weights}."""
        for name, part in self._convolutions().items():
            order = (2, 3, 0, 1) if part.groups > 1 else (3, 2, 0, 1)
            part.weight.data = torch.tensor(layers[f"{name}_conv"][0].transpose(order).copy())
            gamma, beta, mean, variance = (torch.tensor(w) for w in layers[f"{name}_bn"])
            part.gamma.data, part.beta.data, part.mean, part.variance = gamma, beta, mean, variance

    def trunk(self) -> dict[str, list[np.ndarray]]:
        """What `load_trunk` takes."""
        found = {}
        for name, part in self._convolutions().items():
            order = (2, 3, 0, 1) if part.groups > 1 else (2, 3, 1, 0)
            kernel = part.weight.detach().numpy().transpose(order)
            found[f"{name}_conv"] = [np.ascontiguousarray(kernel)]
            parts = (part.gamma, part.beta, part.mean, part.variance)
            found[f"{name}_bn"] = [w.detach().numpy().copy() for w in parts]
        return found


def old_head(layers: Layers) -> tuple[np.ndarray, float]:
    """Weights (WIDTH,) and bias of the one-headed network's logit over the pooled features."""
    kernels = [layers[f"evidence{index}"][0].reshape(-1) for index in range(len(TAPPED) + 1)]
    return np.concatenate(kernels), float(layers[f"evidence{len(TAPPED)}"][1][0])


def shipped() -> tuple[TwoExperts, np.ndarray, float]:
    """Model 1.3.0's trunk, and its head apart."""
    layers = pickle.loads(Path("/work/m2/cache/w130.pkl").read_bytes())
    network = TwoExperts()
    network.load_trunk(layers)
    return network, *old_head(layers)


def combined(logits: torch.Tensor) -> torch.Tensor:
    """Noisy-or of the experts, as a logit: 1 - (1 - p)(1 - q)."""
    a, b = logits[:, 0], logits[:, 1]
    return torch.logsumexp(torch.stack([a, b, a + b]), 0)


def tensor(crops: np.ndarray, dtype: torch.dtype = torch.bfloat16) -> torch.Tensor:
    """uint8 (count, side, side, 3) -> scaled (count, 3, side, side), channels last in memory."""
    scaled = (torch.from_numpy(crops).permute(0, 3, 1, 2).float() - 127.0) / 128.0
    return scaled.to(dtype).contiguous(memory_format=torch.channels_last)
