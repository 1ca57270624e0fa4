# calls: notebook predict([1.0, 2.0]) == 6.5
# calls: notebook predict([2.0, 2.0]) == 8.5
# calls: notebook loads() == 1
# calls: notebook where("x") == "weights/v2/x.bin"
# calls: notebook encode({"a": 1}) == '{"a":1}'
# calls: notebook numbered("a") == "1: a" and numbered("b") == "2: b"
# calls: notebook timed(0.5) == 1.0
# %% imports that are there or not
from __future__ import annotations

import functools
import os
import os.path as osp
from pathlib import Path, PurePosixPath as P
from typing import TYPE_CHECKING

import tinyflow_jupyter as tf

try:
    import a_fast_json_nobody_has as json
except ImportError:
    import json
else:
    print("fast")

try:
    from a_gpu_nobody_has import cuda
except (ImportError, OSError):
    cuda = None

if os.name == "nt":
    def device():
        return "windows"
elif cuda is None:
    def device():
        return "cpu"
# %% where things are
ROOT = P("weights")
CURRENT = ROOT / f"v{VERSION}" if "VERSION" in globals() else ROOT / "v2"  # noqa: F821
HOME = Path(os.environ.get("TF_TEST_HOME_NOBODY_SETS", "/tmp")).expanduser()
# %% the model is loaded once, by whoever is first
class Linear:
    def __init__(self, weights: list[float], bias: float = 0.5):
        self.weights, self.bias = weights, bias

    def __call__(self, xs: list[float]) -> float:
        return sum(w * x for w, x in zip(self.weights, xs)) + self.bias


_model: Linear | None = None
_loads = 0

def get_model() -> Linear:
    global _model, _loads
    if _model is None:
        _model = Linear(read_weights(str(CURRENT)))
        _loads += 1
    return _model
# %%
@functools.lru_cache
def read_weights(path: str) -> list[float]:
    assert device() == "cpu" and HOME
    return [float(len(part)) - 5 for part in path.split("/")][:1] + [2.0]
# %%
@tf.component(blocking=True)
def predict(xs: list[float]) -> float:
    return get_model()(xs)
# %% the class tried it, so here the model is loaded
predict([1.0, 1.0])
assert _loads == 1
# %%
def loads():
    return _loads

@tf.component
def where(name: str) -> str:
    return str(CURRENT / osp.basename(f"{name}.bin"))

@tf.component
def encode(thing: dict) -> str:
    return json.dumps(thing, separators=(",", ":")) + (str(loads()) if cuda else "")
# %% a counter that many write
count = 0

@tf.component
def numbered(text: str) -> str:
    global count
    count += 1
    return f"{count}: {text}"
# %% a decorator factory with state of its own
RATE = 2

def limited(times, *, per=1.0):
    def wrap(function):
        @functools.wraps(function)
        def limiter(*args, **kwargs):
            limiter.calls += 1
            return function(*args, **kwargs) * times
        limiter.calls = 0
        return limiter
    return wrap

@tf.component
@limited(RATE)
def timed(x: float) -> float:
    return x

RATE = 3
