"""Without a notebook, a component is taken out of its file; what else the file does is left there."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
import threading
import tinyflow_jupyter as tf

LIMIT = 3
lock = threading.Lock()

@tf.component
def below(x: int) -> bool:
    return x < LIMIT

class Echo(tf.Component):
    def ports(self):
        return [tf.Port("in", "in", int)]

print("it runs", file=sys.stderr)

if __name__ == "__main__":
    from tinyflow_jupyter._capture import capture
    source = capture("notebook")
    print(source.text)
    loaded = source.load()
    assert loaded.below(2)
    assert tf.Module.all["notebook"].components["below"].where == "scores.py, line 9"
    assert set(tf.Module.all["notebook"].components) == {"below", "echo"}
    assert not {"IPython", "ipywidgets"} & set(sys.modules)
"""


def test_a_script_gives_its_components_and_what_they_use(tmp_path):
    script = tmp_path / "scores.py"
    script.write_text(SCRIPT)

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "LIMIT = 3" in done.stdout
    assert "threading" not in done.stdout
    assert "it runs" not in done.stdout
    assert done.stderr == "it runs\n"


def test_components_of_a_file_that_a_script_imports_go_along(tmp_path):
    (tmp_path / "shapes.py").write_text(
        "import tinyflow_jupyter as tf\nshapes = tf.Module('shapes')\n"
        "@shapes.component\ndef square(x: int) -> int:\n    return x * x\n"
    )
    script = tmp_path / "main.py"
    script.write_text(
        "import shapes\nfrom tinyflow_jupyter._capture import capture\n"
        "source = capture('shapes')\nassert source.load().square(3) == 9\nprint(sorted(source.files))"
    )

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['cells.json', 'shapes.py']\n"


def test_an_undecorated_class_of_an_imported_file_goes_along_with_its_bases_and_stays(tmp_path):
    (tmp_path / "counters.py").write_text(
        "import abc\nimport tinyflow_jupyter as tf\n"
        "class Base(tf.Component, abc.ABC):\n"
        "    def ports(self):\n        return [tf.Port('in', 'in', int)]\n"
        "    @abc.abstractmethod\n    def add(self): ...\n"
        "class Counter(Base):\n"
        "    def __init__(self, step):\n        self.step = step\n"
        "    def add(self):\n        return self.step\n"
        "class ByTwo(Counter):\n"
        "    def __init__(self):\n        super().__init__(2)\n"
        "    def info(self):\n        return tf.Info('two')\n"
        "@tf.component\ndef double(x: int) -> int:\n    return 2 * x\n"
        "def made():\n"
        "    class Inner(tf.Component):\n"
        "        def ports(self):\n            return []\n"
        "    return Inner\n"
    )
    script = tmp_path / "main.py"
    script.write_text(
        "import counters\nimport tinyflow_jupyter as tf\n"
        "from tinyflow_jupyter._cluster.sources import components_of, source_of\n"
        "counters.made()\n"
        "one, other = tf.Flow('one'), tf.Flow('other')\n"
        "one.node('a', counters.ByTwo)\nother.node('a', counters.double)\n"
        "for flow in (one, other):\n"
        "    source = source_of('notebook', flow)\n"
        "    print('class ByTwo' in source.text, sorted(components_of('notebook', flow)))\n"
        "source.load()\nprint(sorted(tf.Module.all['notebook'].components))\n"
    )

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "True ['double', 'two']\n" * 2 + "['double', 'two']\n", (
        "a push of the other one must not take it away"
    )


def test_of_two_files_with_one_name_a_flow_takes_along_its_own(tmp_path):
    head = "import tinyflow_jupyter as tf\n"
    (tmp_path / "ours.py").write_text(
        head + "@tf.component\ndef scale(x: int) -> int:\n    return 2 * x\n"
        "class Counter(tf.Component):\n    def ports(self):\n        return [tf.Port('in', 'in', int)]\n"
    )
    (tmp_path / "theirs.py").write_text(
        head + "@tf.component\ndef scale(x: int) -> int:\n    return 30 * x\n"
        "@tf.component\ndef counter(x: int) -> int:\n    return x\n"
    )
    script = tmp_path / "main.py"
    script.write_text(
        "import ours, theirs, yaml\nimport tinyflow_jupyter as tf\n"
        "from tinyflow_jupyter._cluster.definition import definition\n"
        "from tinyflow_jupyter._cluster.sources import source_of\n"
        "for scale, counter in ((ours.scale, ours.Counter), (theirs.scale, theirs.counter)):\n"
        "    flow = tf.Flow('scales')\n    flow.node('a', scale)\n    flow.node('b', counter)\n"
        "    source = source_of('notebook', flow)\n"
        "    print('2 * x' in source.text, '30 * x' in source.text, 'class Counter' in source.text)\n"
        "    text = flow.to_yaml()\n    again = tf.Flow.from_yaml(text)\n"
        "    nodes = [one for one in yaml.safe_load_all(text) if one['kind'] == 'TinyNode']\n"
        "    live = definition('scales', nodes, [])\n"
        "    print(again.to_yaml() == text, *(one.nodes['a'].component.function(1) for one in (again, live)))\n"
    )

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "True False True\nTrue 2 2\nFalse True False\nTrue 30 30\n"
