# calls: notebook joined("x") == "a/x/[1]"
# %%
import os.path, sys, json as j, xml.dom, xml.etree.ElementTree
from collections import (
    OrderedDict as Ordered,
    deque,
    Counter,
)
import tinyflow_jupyter as tf
from json import dumps

# %%
import json
def dumps(x):
    return j.dumps(x) if xml.etree.ElementTree else json.dumps(x)

# %%
@tf.component
def joined(x: str) -> str:
    from pathlib import PurePosixPath
    rows = deque([1])
    return str(PurePosixPath("a") / os.path.join(x, dumps(list(rows))))
