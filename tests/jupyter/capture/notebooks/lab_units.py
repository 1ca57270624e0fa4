# calls: notebook corrected([1.0, 2.0, 3.0]) == [0.7, 1.9, 5.6]
# calls: notebook laenge(2.0) == "2.0 µm ≙ 6.28319e-06 m"
# calls: notebook smooth([3.0, 3.0, 9.0, 3.0, 3.0]) == [3.0, 5.0, 5.0, 5.0, 3.0]
# calls: notebook ratio([1.0, 0.0]) == "FloatingPointError"
# calls: notebook grid(2) == [[0, 0], [0, 1]]
# %% Physik-Praktikum, Versuch 3
import numpy as np
import numpy.linalg as la
from numpy import ndarray as Array, pi as π

import tinyflow_jupyter as tf

np.set_printoptions(precision=3)
np.seterr(divide="raise")
# %% typed with the micro key of a keyboard, which is not the Greek letter
µ = 1e-6
Δt, τ = 0.5, 2.0
größen = {"länge": "µm"}
# %% calibration; the third sensor was exchanged
OFFSET = np.array([0.3, 0.1, 0.1])
GAIN = np.ones(3)
KERNEL = np.full(3, 1 / 3)
# %%
GAIN[2] = 2.0
OFFSET[2:] += 0.3
# %%
def apply(values: Array) -> Array:
    return values * GAIN - OFFSET
# %% the component
@tf.component
def corrected(values: list[float]) -> list[float]:
	# this cell came from an editor with tabs
	fixed = apply(np.asarray(values))
	if la.norm(fixed) > 1e6:
		return []
	return [round(float(each), 3) for each in fixed]
# %% unicode all the way
@tf.component
def laenge(x: float) -> str:
    maß = x * µ * π
    return f"{x} {größen['länge']} ≙ {maß:.6g} m"
# %% the first idea of a window stays below, commented out
# KERNEL = np.hanning(5)
@tf.component
def smooth(values: list[float]) -> list[float]:
    padded = np.pad(np.array(values), 1, mode="edge")
    return [round(float(x), 6) for x in np.convolve(padded, KERNEL, mode="valid")]
# %% a division by zero has to hurt
@tf.component
def ratio(values: list[float]) -> str:
    try:
        return str(np.float64(values[0]) / np.float64(values[1]))
    except FloatingPointError as trouble:
        return type(trouble).__name__
# %%
INDEX = np.indices((3, 3)).prod(axis=0)

@tf.component
def grid(n: int) -> list[list[int]]:
    return INDEX[:n, :n].tolist()
