"""What a flow is called in the notebook."""

from __future__ import annotations

from tinyflow_runtime.flow import Flow


def code_of(flow: Flow) -> str:
    """The Python that builds a flow, under its name in the notebook.

    Raises:
        ManifestError: TF-117, a setting is an object that nothing plain can stand for.
    """
    from IPython.core.getipython import get_ipython
    from tinyflow_runtime.embedded.as_code import to_code  # only who writes documents or code needs what writes them

    shell = get_ipython()
    namespace = {} if shell is None else dict(shell.user_ns)
    names = [name for name, value in namespace.items() if value is flow and not name.startswith("_")]  # _ is IPython's
    return to_code(flow, names[0] if len(names) == 1 and names[0].isidentifier() else "flow")
