from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Description(_message.Message):
    __slots__ = ("module", "components")
    MODULE_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    module: str
    components: _containers.RepeatedCompositeFieldContainer[Component]
    def __init__(self, module: _Optional[str] = ..., components: _Optional[_Iterable[_Union[Component, _Mapping]]] = ...) -> None: ...

class Component(_message.Message):
    __slots__ = ("name", "description", "ports")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    ports: _containers.RepeatedCompositeFieldContainer[Port]
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., ports: _Optional[_Iterable[_Union[Port, _Mapping]]] = ...) -> None: ...

class Port(_message.Message):
    __slots__ = ("name", "direction", "type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    direction: str
    type: str
    def __init__(self, name: _Optional[str] = ..., direction: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("hash", "nodes")
    HASH_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    hash: str
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    def __init__(self, hash: _Optional[str] = ..., nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ...) -> None: ...

class Node(_message.Message):
    __slots__ = ("flow", "name", "component", "settings", "edges")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    flow: str
    name: str
    component: str
    settings: bytes
    edges: _containers.RepeatedCompositeFieldContainer[Edge]
    def __init__(self, flow: _Optional[str] = ..., name: _Optional[str] = ..., component: _Optional[str] = ..., settings: _Optional[bytes] = ..., edges: _Optional[_Iterable[_Union[Edge, _Mapping]]] = ...) -> None: ...

class Edge(_message.Message):
    __slots__ = ("id", "port", "to", "when", "map", "loop", "capacity")
    ID_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    MAP_FIELD_NUMBER: _ClassVar[int]
    LOOP_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    id: str
    port: str
    to: str
    when: str
    map: str
    loop: bool
    capacity: int
    def __init__(self, id: _Optional[str] = ..., port: _Optional[str] = ..., to: _Optional[str] = ..., when: _Optional[str] = ..., map: _Optional[str] = ..., loop: _Optional[bool] = ..., capacity: _Optional[int] = ...) -> None: ...

class Applied(_message.Message):
    __slots__ = ("hash", "nodes")
    HASH_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    hash: str
    nodes: _containers.RepeatedCompositeFieldContainer[NodeState]
    def __init__(self, hash: _Optional[str] = ..., nodes: _Optional[_Iterable[_Union[NodeState, _Mapping]]] = ...) -> None: ...

class NodeState(_message.Message):
    __slots__ = ("flow", "name", "trouble")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    flow: str
    name: str
    trouble: str
    def __init__(self, flow: _Optional[str] = ..., name: _Optional[str] = ..., trouble: _Optional[str] = ...) -> None: ...

class Batch(_message.Message):
    __slots__ = ("edge", "epoch", "messages")
    EDGE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    edge: str
    epoch: int
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    def __init__(self, edge: _Optional[str] = ..., epoch: _Optional[int] = ..., messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ...) -> None: ...

class Message(_message.Message):
    __slots__ = ("flow", "to", "payload", "id", "time", "trace", "parent", "hops", "sequence", "idempotency_key")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    flow: str
    to: str
    payload: bytes
    id: str
    time: float
    trace: str
    parent: str
    hops: int
    sequence: int
    idempotency_key: str
    def __init__(self, flow: _Optional[str] = ..., to: _Optional[str] = ..., payload: _Optional[bytes] = ..., id: _Optional[str] = ..., time: _Optional[float] = ..., trace: _Optional[str] = ..., parent: _Optional[str] = ..., hops: _Optional[int] = ..., sequence: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class Accepted(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("flow", "port")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    flow: str
    port: str
    def __init__(self, flow: _Optional[str] = ..., port: _Optional[str] = ...) -> None: ...

class Seen(_message.Message):
    __slots__ = ("message", "skipped")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    message: Message
    skipped: int
    def __init__(self, message: _Optional[_Union[Message, _Mapping]] = ..., skipped: _Optional[int] = ...) -> None: ...
