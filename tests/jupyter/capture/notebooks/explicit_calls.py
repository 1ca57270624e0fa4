# calls: maths half(3.0) == 1.5
# calls: notebook slow(2) == 4
# %%
from tinyflow_jupyter import Module, Retry, component as part
TIMES = 3

def half(x: float) -> float:
    return x / 2

def slow(x: int) -> int:
    return x * 2

# %%
maths = Module("maths", ["numpy"][:0])
maths.component(half)
slow_part = part(blocking=True, retry=Retry(attempts=TIMES, delay=0.0))(slow)
