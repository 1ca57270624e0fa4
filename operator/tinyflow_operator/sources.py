"""A module's source as the cluster has it: fetched, held against its hash, and taken into the module's keeping."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.resources.labels import MODULE_LABEL, SHA256, source_name
from tinyflow_runtime.source.archive import Source

from tinyflow_operator.kinds import CONFIGMAPS, Document
from tinyflow_operator.kube import Refused
from tinyflow_operator.podtemplate import ARCHIVE, Code
from tinyflow_operator.workload import config_map, owner
from tinyflow_operator.writer import MANAGER, NameTaken, Writer

MOST_INLINE = 64 * 1024  # bytes; a TinyModule is read by everybody who lists them
REASONS = {"TF-171": "HashMismatch", "TF-170": "NotLocked"}


class Unfit(Exception):
    """A module's spec or source cannot be used.

    Attributes:
        condition: Which condition says so: Accepted or SourceVerified.
        again: It may come right without a change of the TinyModule.
    """

    def __init__(self, condition: str, reason: str, message: str, *, again: bool = False) -> None:
        self.condition, self.reason, self.message, self.again = condition, reason, message, again
        super().__init__(message)


class Sources:
    """Verifies sources, and remembers which were."""

    def __init__(self, writer: Writer) -> None:
        self._kube = writer.kube
        self._verified: dict[tuple[str, str, str], Code] = {}

    async def code(self, module: Document) -> Code | None:
        """The module's source, verified; None when its image holds it, or somebody else runs it.

        Raises:
            Unfit: It is not what the spec says, or nothing that could be loaded.
        """
        source = module["spec"].get("source")
        if not source:
            return None
        inline, reference = source.get("inline"), source.get("configMapRef")
        if (inline is None) == (reference is None):
            text = "A source is either inline or in a ConfigMap. Set spec.source.inline or spec.source.configMapRef."
            raise Unfit("Accepted", "Invalid", text)
        sha256 = source["sha256"]
        where = reference["name"] if reference else source_name(module["metadata"]["name"], sha256)
        key = (module["metadata"]["uid"], sha256, where)
        if key not in self._verified:
            archive = _decoded(inline) if reference is None else await self.archive(module, where)
            if reference is None and len(archive) > MOST_INLINE:
                text = f"The inline source has {len(archive):,} bytes; {MOST_INLINE:,} fit. Put it into a ConfigMap."
                raise Unfit("Accepted", "TooLarge", text)
            requirements = _verify(module, archive, sha256, where)
            if reference is None:
                await self._store(module, archive)
            self._verified = {known: code for known, code in self._verified.items() if known[0] != key[0]}
            self._verified[key] = Code(sha256, where, requirements)
        return self._verified[key]

    async def archive(self, module: Document, name: str) -> bytes:
        """The bytes in a ConfigMap, which from now on goes with the module.

        Raises:
            Unfit: It is not there, or holds no archive.
        """
        namespace = module["metadata"]["namespace"]
        found = await self._kube.get(CONFIGMAPS, namespace, name)
        if found is None:
            text = f"There is no ConfigMap {name!r}. Push the module again."
            raise Unfit("SourceVerified", "SourceMissing", text, again=True)
        content = (found.get("binaryData") or {}).get(ARCHIVE)
        if content is None:
            text = f"The ConfigMap {name!r} has no binaryData {ARCHIVE!r}. Push the module again."
            raise Unfit("SourceVerified", "SourceMissing", text, again=True)
        owners = found["metadata"].get("ownerReferences", [])
        if all(one["uid"] != module["metadata"]["uid"] for one in owners):
            # With the uid: were it gone by now, this would make an empty one otherwise.
            metadata = {"name": name, "namespace": namespace, "uid": found["metadata"]["uid"]}
            await self._kube.apply(CONFIGMAPS, {"metadata": {**metadata, "ownerReferences": [owner(module)]}}, MANAGER)
        return _decoded(content)

    async def sweep(self, module: Document, kept: Iterable[str]) -> None:
        """Remove the module's sources but for these hashes. What was not taken into its keeping yet stays."""
        namespace, name = module["metadata"]["namespace"], module["metadata"]["name"]
        stay = set(kept)
        found, _ = await self._kube.list(CONFIGMAPS, namespace, selector=f"{MODULE_LABEL}={name}")
        for one in found:
            metadata = one["metadata"]
            ours = any(each["uid"] == module["metadata"]["uid"] for each in metadata.get("ownerReferences", []))
            sha256 = (metadata.get("annotations") or {}).get(SHA256, "")
            if ours and sha256 and sha256 not in stay:
                await self._kube.delete(CONFIGMAPS, namespace, metadata["name"])

    def forget(self, module: Document) -> None:
        """Look at its source again the next time."""
        uid = module["metadata"]["uid"]
        self._verified = {known: code for known, code in self._verified.items() if known[0] != uid}

    async def _store(self, module: Document, archive: bytes) -> None:
        wanted = config_map(module, archive)
        found = await self._kube.get(CONFIGMAPS, module["metadata"]["namespace"], wanted["metadata"]["name"])
        if found is not None and (found.get("binaryData") or {}).get(ARCHIVE) == wanted["binaryData"][ARCHIVE]:
            return
        try:
            await self._kube.apply(CONFIGMAPS, wanted, MANAGER)
        except Refused as error:
            if found is not None:  # immutable, with something else in it
                raise NameTaken(CONFIGMAPS, wanted["metadata"]["name"]) from error
            raise


def _verify(module: Document, archive: bytes, sha256: str, where: str) -> tuple[str, ...]:
    try:
        source = Source.read(archive, sha256=sha256)
    except TinyFlowError as error:
        reason = REASONS.get(error.code, "Hostile")
        raise Unfit("SourceVerified", reason, f"{error} ConfigMap {where}.", again=reason == "HashMismatch") from error
    if source.module != module["metadata"]["name"]:
        text = f"It is the source of module {source.module!r}. Name the TinyModule as the source, or push it again."
        raise Unfit("SourceVerified", "OtherModule", text)
    return source.requirements


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unfit("SourceVerified", "NotBase64", "The source is no base64. Push the module again.") from None
