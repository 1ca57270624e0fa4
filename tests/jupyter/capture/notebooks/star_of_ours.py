# calls: notebook double(2) == 4
# %%
from tinyflow_jupyter import *

# %%
@component
def double(x: int) -> int:
    return 2 * x

class Gate(Component):
    def ports(self):
        return [Port("in", "in", int)]
