# %% the weather service wants a key
import json
import os

import tinyflow_jupyter as tf

UNUSED_TOKEN = "tk_live_5a0c9d8e7f6a5b4c3d2e1f0a9b8c"
BASE = "https://weather.example/v1"
# %%
HEADERS = {
    "Accept": "application/json",
    "Authorization": "Bearer 9f8a7c6b5d4e3f2a1b0c9d8e7f6a5b4c3d2e",
}
# %%
def asked(path, **query):
    return {"url": f"{BASE}/{path}", "headers": HEADERS, "query": query}
# %%
@tf.component
def weather(city: str) -> dict:
    return asked("now", city=city)
