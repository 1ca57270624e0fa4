# calls: notebook scaled(2.0) == 7.0
# %%
import csv, io
import tinyflow_jupyter as tf
from types import SimpleNamespace

TEXT = """a,1
b,2"""

class Config:
    factor = 3.0
    shift = 1.0

config = Config()
config.shift = 0.5
extra = SimpleNamespace(more=0.5)
rows = {name: int(value) for name, value in csv.reader(io.StringIO(TEXT))}
print(rows)

# %%
@tf.component
def scaled(x: float) -> float:
    return x * config.factor + config.shift + extra.more * (rows["b"] - 1)
