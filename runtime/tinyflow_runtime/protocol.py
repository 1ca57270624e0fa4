"""The messages and methods of module.proto, built from its descriptor.

Generated Python would refuse every protobuf older than the one that generated it, in notebooks that share an
environment with others; a descriptor suits all of them. ``make wire`` writes module.desc and protocol.pyi.
"""

from importlib import resources

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_POOL = descriptor_pool.DescriptorPool()  # our own: a second TinyFlow in the process must not clash
_FILES = descriptor_pb2.FileDescriptorSet.FromString(resources.files(__package__).joinpath("module.desc").read_bytes())
for _file in _FILES.file:
    _POOL.Add(_file)

_proto = _POOL.FindFileByName("tinyflow_runtime/module.proto")
DESCRIPTOR = _proto
globals().update(
    {name: message_factory.GetMessageClass(message) for name, message in _proto.message_types_by_name.items()}
)
