# calls: notebook clean("The  teacher's “notes”, 3 of them!") == "teacher notes hash"
# calls: notebook clean("ET alors") == "alors"
# calls: notebook template("x") == 'def x():\n    """It\'s x."""\n    # %% not a cell\n    return {"x": 1}\n'
# calls: notebook slug("Ünï Cödé") == "uni-code"
# calls: notebook docs("clean") == 'Says "clean" \\ and \'tidy\'.'
# %% file textkit.py
"""What we share between notebooks."""
import unicodedata as _unicodedata

__all__ = ["fold", "EMPTY"]
EMPTY = ""


def fold(text):
    return "".join(c for c in _unicodedata.normalize("NFKD", text) if not _unicodedata.combining(c))


def clean(text):
    raise AssertionError("not this one")
# %% star imports, from our own file and from the library
import re
import sys as system
from string import *
from textkit import *

import tinyflow_jupyter as tf
# %% patterns
SPACES = re.compile(r"\s+")
QUOTES = str.maketrans({"“": '"', "”": '"', "’": "'"})
POSSESSIVE = re.compile(
    r"""
    (?<=\w)'s   # the s of ownership   # %% still a comment
    \b
    """,
    re.VERBOSE,
)
# %% stop words, in three languages, cell by cell
STOP = {"the", "of"}
STOP |= {"them", "a"}
# %%
STOP.update("der die das".split())
# %%
for word in ("le", "la"):
    STOP.add(word)
STOP.add("et")
# %%
# In [12]:
#%% the exported markers of another editor stay comments
DIGITS = set(digits)


@tf.component
def clean(text: str) -> str:
    '''Says "clean" \\ and 'tidy'.'''
    text = POSSESSIVE.sub(EMPTY, text.translate(QUOTES).lower())
    words = (word.strip(punctuation) for word in SPACES.split(text))
    return " ".join(
        "hash" if set(word) <= DIGITS else word
        for word in words if word and word not in STOP)
# %% code in a string
CODE = '''def {name}():
    """It's {name}."""
    # %% not a cell
    return {{"{name}": 1}}
'''


@tf.component
def template(name: str) -> str:
    return CODE.format(name=name)
# %%
@tf.component
def slug(title: str) -> str:
    r"""Lower case, \w and dashes only."""
    return re.sub(rf"[^{ascii_lowercase}{'-'}]+", "-", fold(title).lower()).strip("-")
# %%
@tf.component
def docs(name: str) -> str:
    return {"clean": clean, "slug": slug}[name].__doc__ or ""
