# calls: notebook check("ab-12") == ("ab", 12, 3, 20, "b", 6.0, 0.5, 5)
# %%
import re, os
import datetime as dt
from collections import namedtuple, defaultdict
from decimal import Decimal
from pathlib import Path
import tinyflow_jupyter as tf

# %%
PATTERN = re.compile(r"([a-z]+)-(\d+)")
Pair = namedtuple("Pair", "left right")
A, (B, *C) = 1, (2, 3, 4)
TABLE = {key: n * 10 for n, key in enumerate("abc")}
TABLE["z"] = 20
NAMES = ["a"]
NAMES.append("b")
for extra in ("c", "d"):
    NAMES += [extra]
START = dt.date(2024, 1, 31) + dt.timedelta(days=1)
PRICE = Decimal("1.5") * 4; HOME = Path("data") / "x.csv"
PORT = int(os.environ.get("TINYFLOW_NO_SUCH_NAME", 5))
if (n := len(NAMES)) > 3:
    HALF = 0.5
else:
    HALF = 0.0

# %%
@tf.component
def check(text: str) -> tuple:
    match PATTERN.match(text).groups():
        case (left, right):
            pair = Pair(left, int(right))
        case other:
            raise ValueError(other)
    return pair.left, pair.right, C[0], TABLE["z"], NAMES[1], float(PRICE), HALF, PORT
