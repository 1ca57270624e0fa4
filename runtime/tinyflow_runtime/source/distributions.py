"""Distributions: what is installed so that an import works; the hint for one that does not."""

from __future__ import annotations

# Where the distribution is called otherwise than what it brings; these are the ones that people meet.
_CALLED = {
    "Crypto": "pycryptodome",
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "jwt": "pyjwt",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "usb": "pyusb",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}


def hint(error: BaseException, module: str) -> str:
    """How to have what an import did not find; empty where that was not the trouble.

    Args:
        module: Whose components import it.
    """
    top = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if not top:
        return ""
    name = _CALLED.get(top, top.replace("_", "-"))
    return f'Name what brings {top}, and push again: tf.Module("{module}", requirements=["{name}"]).'
