# calls: notebook pack({"a": 1}) == b'{"a":1}'
# %%
import sys
import tinyflow_jupyter as tf
try:
    import surely_not_installed as codec
except ImportError:
    import msgspec.json as codec

if sys.version_info >= (3, 11):
    def names(x):
        return dict(x)
else:
    def names(x):
        return x

# %%
@tf.component
def pack(x: dict) -> bytes:
    return codec.encode(names(x))
