"""The labels and annotations by which resources belong together: whoever writes one and whoever reads it mean the same.

What they are on is said beside each, where it is not any resource of that name.
"""

from __future__ import annotations

FLOW_LABEL = "tinyflow.dev/flow"
MODULE_LABEL = "tinyflow.dev/module"
PROJECT_LABEL = "tinyflow.dev/project"
MANAGED_BY = "app.kubernetes.io/managed-by"  # the label that Kubernetes has for who made something
MANAGED = {MANAGED_BY: "tinyflow"}  # on all that TinyFlow makes of itself
IMPORT = "tinyflow.dev/import"  # of a TinyNode: where its component can be imported from
NOTES = "tinyflow.dev/notes"  # of a TinyFlow: the notes on its canvas
POSITION = "tinyflow.dev/position"  # of a TinyNode: where it is drawn
SHA256 = "tinyflow.dev/sha256"  # as a label its first twelve digits, as an annotation all of them
NODES_SHA256 = "tinyflow.dev/nodes-sha256"  # of a TinyFlow: the nodes that were pushed with it
PUSHED_BY = "tinyflow.dev/pushed-by"  # of a TinyFlow or TinyModule: the user who pushed it last, where several may
PRODUCTION = "tinyflow.dev/production"  # of a Namespace: "true" where a change has to be confirmed
HOT_RELOAD = "tinyflow.dev/hot-reload"  # of a TinyModule: a new source goes into the running process
ADDRESS = "tinyflow.dev/address"  # of a Pod: where its module listens
APPLIED = "tinyflow.dev/applied-sha256"  # of a Deployment: the spec that was wanted of it when it was written last
SOURCE_SHA256 = "tinyflow.dev/source-sha256"  # of a pod template: the revision its module serves
SCHEMAS = "tinyflow.dev/schemas"  # of a custom resource definition: the edition of its schema
REQUIREMENTS_SHA256 = "tinyflow.dev/requirements-sha256"  # of a pod template: the lock its dependencies come from


def source_name(module: str, sha256: str) -> str:
    """What the ConfigMap of one revision of a module is called."""
    return f"tm-{module}-{sha256[:12]}"
