# calls: notebook double(2) == 24
# %%
    import tinyflow_jupyter as tf
    größe = 2

# %%
变量 = 3; π = 2  # no need for spaces
T = """
%matplotlib inline
"""
?tf
tf.component??

# %%
@tf.component
def double(x: int) -> int:
	return größe * 变量 * π * x * (len(T) > 0)
