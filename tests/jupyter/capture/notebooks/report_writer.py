# %% the report is written while the flow runs
import csv
import os
import tinyflow_jupyter as tf

COLUMNS = ["when", "value"]
# %%
target = open(os.devnull, "w", newline="")
report = csv.DictWriter(target, fieldnames=COLUMNS)
report.writeheader()
# %%
def noted(row, *, writer=report):
    writer.writerow(dict(zip(COLUMNS, row)))
    return row
# %%
@tf.component
def write(row: list[float]) -> list[float]:
    """Writes a line and passes it on."""
    return noted(row)
# %%
write([1.0, 2.0])
# %% tidy up
target.close()
