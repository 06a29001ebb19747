"""Bags of small networks that correct log odds: one hidden layer, one output per asset, trained by
Adam on the logistic loss.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.special import expit

from statarb._core.typing import FloatArray

__all__ = ["Networks", "train_networks"]

_BATCH = 128
_RATE = 3e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Networks:
    """Trained networks.

    Parameters
    ----------
    size : (inputs,)
        Root mean square of each input in training.
    layers : tuple
        Of each network: weights and constants into the hidden layer, weights and constants out of
        it.
    """

    size: FloatArray
    layers: tuple[tuple[FloatArray, FloatArray, FloatArray, FloatArray], ...]

    def predict(self, inputs: FloatArray) -> FloatArray:
        """Return the mean correction of the log odds, (rows, outputs).

        Parameters
        ----------
        inputs : (rows, inputs)
            Features.

        Returns
        -------
        (rows, outputs)
        """
        scaled = inputs / self.size
        total = sum(
            np.tanh(scaled @ inward + bias) @ outward + constant
            for inward, bias, outward, constant in self.layers
        )
        return np.asarray(total / len(self.layers), dtype=np.float64)


def train_networks(
    inputs: FloatArray,
    start: FloatArray,
    moved: FloatArray,
    count: int,
    hidden: int,
    epochs: int,
    decay: float,
    seed: int,
) -> Networks:
    """Train a bag of networks, which differ by their seed alone.

    Parameters
    ----------
    inputs : (rows, inputs)
        Features.
    start : (rows, outputs)
        Log odds to correct.
    moved : (rows, outputs)
        1, -1, or 0 where there is nothing to learn.
    count, hidden, epochs : int
        Networks, units, passes over the rows.
    decay : float
        Decoupled weight decay, times the learning rate of a step.
    seed : int
        Network k draws from the pair (seed, k).

    Returns
    -------
    Networks

    Notes
    -----
    Adam: D. P. Kingma, J. Ba (2015). Decoupled decay: I. Loshchilov, F. Hutter (2019), ICLR,
    algorithm 2; the rate falls linearly to a tenth.
    """
    size = np.sqrt((inputs * inputs).mean(axis=0))
    size[size == 0.0] = 1.0
    scaled = inputs / size
    layers = tuple(
        _train_one(scaled, start, moved, hidden, epochs, decay, np.random.default_rng((seed, k)))
        for k in range(count)
    )
    return Networks(size, layers)


def _train_one(
    inputs: FloatArray,
    start: FloatArray,
    moved: FloatArray,
    hidden: int,
    epochs: int,
    decay: float,
    draw: np.random.Generator,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    rows, width = inputs.shape
    outputs = moved.shape[1]
    counted, rose = np.abs(moved), np.maximum(moved, 0.0)
    inward, bias = draw.normal(size=(width, hidden)) / np.sqrt(width), np.zeros(hidden)
    outward, constant = (
        0.1 * draw.normal(size=(hidden, outputs)) / np.sqrt(hidden),
        np.zeros(outputs),
    )
    layers = (inward, bias, outward, constant)
    means, squares = [np.zeros_like(one) for one in layers], [np.zeros_like(one) for one in layers]
    batch = min(_BATCH, rows)
    batches = rows // batch
    step = 0
    for _ in range(epochs):
        order = draw.permutation(rows)
        for number in range(batches):
            chosen = order[number * batch : (number + 1) * batch]
            given = inputs[chosen]
            active = np.tanh(given @ inward + bias)
            miss = (
                (expit(start[chosen] + active @ outward + constant) - rose[chosen])
                * counted[chosen]
                / batch
            )
            back = (miss @ outward.T) * (1.0 - active * active)
            slopes = (given.T @ back, back.sum(axis=0), active.T @ miss, miss.sum(axis=0))
            rate = _RATE * (1.0 - 0.9 * step / (epochs * batches))
            step += 1
            for layer, slope, mean, square in zip(layers, slopes, means, squares, strict=True):
                mean += 0.1 * (slope - mean)
                square += 0.001 * (slope * slope - square)
                towards = mean / (1.0 - 0.9**step) / (np.sqrt(square / (1.0 - 0.999**step)) + 1e-8)
                if layer.ndim == 2:
                    layer *= 1.0 - rate * decay
                layer -= rate * towards
    return layers
