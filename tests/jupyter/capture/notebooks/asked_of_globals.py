# calls: notebook told("eur") == 2.0
# calls: notebook guarded(1) == (3, "none")
# %% names asked for in quotes
import tinyflow_jupyter as tf

RATE = 2.0
# %%
STEP = 3 if "FAST" not in globals() else FAST  # noqa: F821

@tf.component
def told(currency: str) -> float:
    return globals()["RATE"] * len(globals().get("UNKNOWN", "1"))
# %%
@tf.component
def guarded(x: int) -> tuple[int, str]:
    return STEP, UNIT if "UNIT" in globals() else "none"  # noqa: F821
