# calls: notebook size("abc") == 3
# %%
%load_ext tinyflow_jupyter
%config InteractiveShell.ast_node_interactivity = "last_expr"
import tinyflow_jupyter as tf
!true
%time UNIT = 1

# %% shell
%%bash
echo not python at all {

# %% time
%%time
def measured(text):
    return len(text) * UNIT

# %%
@tf.component
def size(text: str) -> int:
    """50 % of it, 100%: all of it?"""
    return measured(text)
