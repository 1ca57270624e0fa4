# kernel: TF-173 Module 'notebook' has no components.
# %%
%load_ext tinyflow_jupyter
import tinyflow_jupyter as tf
FACTOR = 2

# %%
%%component
def double(x: int) -> int:
    return x * FACTOR
