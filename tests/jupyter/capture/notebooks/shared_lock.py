# %% the balance of a bank account, a classic of the lecture on threads
import threading
from dataclasses import dataclass

import tinyflow_jupyter as tf

balance = 0
# %%
@dataclass
class Account:
    owner: str
    guard: threading.Lock
# %%
account = Account(owner="Ada", guard=threading.Lock())
# %%
def deposit(amount):
    global balance
    with account.guard:
        balance += amount
        return balance
# %%
@tf.component(blocking=True)
def pay_in(amount: int) -> int:
    return deposit(amount)
