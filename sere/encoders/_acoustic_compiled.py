"""The inner loop of the voice descriptors, compiled by numba; imported when it is first needed."""

import numpy as np

from sere.loops.registers import compiled


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _read(wave: np.ndarray, start: float, step: float, last: float, values: np.ndarray) -> np.float32:
    """Put the wave at ``start, start + step, ...`` into `values`, by linear interpolation, less their mean.

    Positions outside the wave read its edge; the last that has a neighbour is `last`. Returns the sum of squares.
    """
    mean = np.float32(0)
    for j in range(len(values)):
        position = min(max(start + step * j, 0.0), last)
        left = int(position)
        low = wave[left]
        values[j] = low + np.float32(position - left) * (wave[left + 1] - low)
        mean += values[j]
    mean /= np.float32(len(values))
    energy = np.float32(0)
    for j in range(len(values)):
        values[j] -= mean
        energy += values[j] * values[j]
    return energy


@compiled(fastmath={"reassoc", "contract", "nsz"})
def likeness(
    wave: np.ndarray, start: np.ndarray, period: np.ndarray, shifts: np.ndarray, n_points: int, similar: np.ndarray
) -> None:
    """Correlation of each period with the next at several shifts.

    Parameters
    ----------
    wave : ndarray of shape (n_samples,), float32
    start, period : ndarray of shape (n_periods,), float64
        Samples; the period lies around its start.
    shifts : ndarray of shape (n_shifts,), float32
        Shares of a period.
    n_points : int
        How many points describe a period.
    similar : ndarray of shape (n_periods, n_shifts), float32
        Receives the normalised correlations.
    """
    here, after = np.empty(n_points, np.float32), np.empty(n_points, np.float32)
    last = len(wave) - 1.001
    for n in range(len(start)):
        step = period[n] / n_points
        begin = start[n] - 0.5 * period[n]
        energy = _read(wave, begin, step, last, here)
        for s in range(len(shifts)):
            other = _read(wave, begin + period[n] * (1.0 + shifts[s]), step, last, after)
            product = np.float32(0)
            for j in range(n_points):
                product += here[j] * after[j]
            similar[n, s] = product / (np.sqrt(energy * other) + np.float32(1e-9))
