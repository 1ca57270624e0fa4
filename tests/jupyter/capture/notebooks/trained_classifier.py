# %% a classifier as in the book, written by hand for the class
import numpy as np
import tinyflow_jupyter as tf


class NearestCentroid:
    def __init__(self, metric="euclidean"):
        self.metric = metric

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.centroids_ = np.array([X[y == c].mean(axis=0) for c in self.classes_])
        return self

    def predict(self, X):
        apart = ((np.asarray(X)[:, None, :] - self.centroids_) ** 2).sum(axis=2)
        return self.classes_[apart.argmin(axis=1)]
# %% the measurements of the class
rng = np.random.default_rng(0)
X = np.vstack([rng.normal(0, 1, (20, 2)), rng.normal(5, 1, (20, 2))])
y = np.repeat(["small", "large"], 20)
# %%
clf = NearestCentroid()
# %%
%%time
clf.fit(X, y)
# %%
print(f"{(clf.predict(X) == y).mean():.0%} right")
# %%
@tf.component
def classified(point: list[float]) -> str:
    return str(clf.predict([point])[0])
# %%
classified([5.0, 5.0])
