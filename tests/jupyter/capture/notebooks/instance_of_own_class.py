# %%
import tinyflow_jupyter as tf

class Model:
    def __init__(self):
        self.weights = [1, 2]

    def predict(self, x):
        return x * self.weights[0]

model = Model()

# %%
@tf.component
def score(x: int) -> int:
    return model.predict(x)
