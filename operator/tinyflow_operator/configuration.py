"""The configuration: what every module's pod gets that only who runs the cluster can know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from tinyflow_runtime import __version__
from tinyflow_runtime.errors import ClusterError, did_you_mean

from tinyflow_operator.quantity import PATTERN

IMAGE = f"tinyflow-module:{__version__}"
NOBODY = 65532  # the user that our images are made for: a number, so that a kubelet sees that it is not root
OURS = {"TINYFLOW_MODULE", "PYTHONPATH", "PIP_INDEX_URL", "PIP_CERT"}  # what the operator itself tells a container

Text = Annotated[str, msgspec.Meta(min_length=1)]
Quantity = Annotated[str, msgspec.Meta(pattern=PATTERN)] | int | float
Whatever = dict[str, Any]  # as Kubernetes has it, which checks it


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Fields are called as in a pod."""


class Index(_Part, frozen=True):
    """Where the locked requirements of modules are installed from; the public one unless given.

    Attributes:
        ca_secret: A Secret of the module's namespace whose ``ca.crt`` the index's certificate is checked against.
    """

    url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s]+$")]
    ca_secret: str = ""


class Named(_Part, frozen=True):
    """Something of the module's namespace, by its name."""

    name: Text


class Resources(_Part, frozen=True):
    """What a module's container asks for, and what it may take."""

    requests: dict[Text, Quantity] = msgspec.field(default_factory=lambda: {"cpu": "50m", "memory": "128Mi"})
    limits: dict[Text, Quantity] = {}


class Configuration(_Part, frozen=True):
    """What the file of ``--config`` says.

    Attributes:
        image: Runs the sources of modules that name no image.
        run_as_user: None where the cluster or the image chooses.
        env: For proxies and the like; also of the container that installs requirements.
    """

    image: Text = IMAGE
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    image_pull_secrets: tuple[Named, ...] = ()
    resources: Resources = Resources()
    run_as_user: Annotated[int, msgspec.Meta(ge=1)] | None = NOBODY
    node_selector: dict[Text, str] = {}
    tolerations: tuple[Whatever, ...] = ()
    affinity: Whatever = {}
    topology_spread_constraints: tuple[Whatever, ...] = ()
    priority_class_name: str = ""
    pod_labels: dict[Text, str] = {}
    pod_annotations: dict[Text, str] = {}
    env: tuple[Whatever, ...] = ()
    index: Index | None = None


DEFAULTS = Configuration()


def read(file: Path) -> Configuration:
    """The configuration in a YAML file.

    Raises:
        ClusterError: TF-188, it cannot be read, or says what it may not; the text names the field.
    """
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ClusterError("TF-188", f"{file} cannot be read: {error}.", "Look at its path.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        what = f"{file}{line} is no YAML: {getattr(error, 'problem', None) or error}."
        raise ClusterError("TF-188", what, "Mend that line.") from None
    return checked({} if said is None else said, str(file))


def checked(said: Any, file: str) -> Configuration:  # whatever a file holds
    """A configuration of what a file says.

    Raises:
        ClusterError: TF-188, it may not say that.
    """
    try:
        configuration = msgspec.convert(said, Configuration)
    except msgspec.ValidationError as error:
        raise _unfit(str(error), file) from None
    for number, one in enumerate(configuration.env):
        name = one.get("name")
        if not isinstance(name, str) or not name:
            raise ClusterError("TF-188", f"{file}: env[{number}] has no name.", "Write it as in a pod: name, value.")
        if name in OURS:
            what = f"{file}: env[{number}] is {name}, which the operator sets itself."
            raise ClusterError("TF-188", what, "Take it out; an index has a field of its own.")
    return configuration


def _unfit(said: str, file: str) -> ClusterError:
    """Say in our words what msgspec says: ``Expected `str`, got `int` - at `$.index.url```."""
    what, _, where = said.partition(" - at `$")
    field = where.rstrip("`").lstrip(".")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", what)
    if unknown is None:
        at = f"{file}: {field}: " if field else f"{file}: "
        return ClusterError("TF-188", f"{at}{what}.", "docs/reference/operator.md tells what each field may be.")
    parts: dict[str, type[_Part]] = {"index": Index, "resources": Resources, "imagePullSecrets": Named}
    known = [one.encode_name for one in msgspec.structs.fields(parts.get(field.partition("[")[0], Configuration))]
    name = f"{field}.{unknown[1]}" if field else unknown[1]
    near = did_you_mean(unknown[1], known)
    return ClusterError("TF-188", f"{file}: there is no field {name!r}.", near or f"There are: {', '.join(known)}.")
