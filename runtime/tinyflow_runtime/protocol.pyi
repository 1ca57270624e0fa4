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
    __slots__ = ("module", "components", "version", "revision", "instance", "failing")
    MODULE_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    FAILING_FIELD_NUMBER: _ClassVar[int]
    module: str
    components: _containers.RepeatedCompositeFieldContainer[Component]
    version: str
    revision: str
    instance: str
    failing: _containers.RepeatedCompositeFieldContainer[Failing]
    def __init__(self, module: _Optional[str] = ..., components: _Optional[_Iterable[_Union[Component, _Mapping]]] = ..., version: _Optional[str] = ..., revision: _Optional[str] = ..., instance: _Optional[str] = ..., failing: _Optional[_Iterable[_Union[Failing, _Mapping]]] = ...) -> None: ...

class Failing(_message.Message):
    __slots__ = ("flow", "name", "text")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    flow: str
    name: str
    text: str
    def __init__(self, flow: _Optional[str] = ..., name: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Component(_message.Message):
    __slots__ = ("name", "description", "ports", "tags")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    ports: _containers.RepeatedCompositeFieldContainer[Port]
    tags: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., ports: _Optional[_Iterable[_Union[Port, _Mapping]]] = ..., tags: _Optional[_Iterable[str]] = ...) -> None: ...

class Port(_message.Message):
    __slots__ = ("name", "direction", "type", "schema", "label", "position", "status", "settings")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    direction: str
    type: str
    schema: str
    label: str
    position: str
    status: bool
    settings: bool
    def __init__(self, name: _Optional[str] = ..., direction: _Optional[str] = ..., type: _Optional[str] = ..., schema: _Optional[str] = ..., label: _Optional[str] = ..., position: _Optional[str] = ..., status: _Optional[bool] = ..., settings: _Optional[bool] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("hash", "nodes", "peers", "incoming")
    HASH_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    PEERS_FIELD_NUMBER: _ClassVar[int]
    INCOMING_FIELD_NUMBER: _ClassVar[int]
    hash: str
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    peers: _containers.RepeatedCompositeFieldContainer[Peer]
    incoming: _containers.RepeatedCompositeFieldContainer[Incoming]
    def __init__(self, hash: _Optional[str] = ..., nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., peers: _Optional[_Iterable[_Union[Peer, _Mapping]]] = ..., incoming: _Optional[_Iterable[_Union[Incoming, _Mapping]]] = ...) -> None: ...

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
    __slots__ = ("id", "port", "to", "when", "map", "loop", "capacity", "module")
    ID_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    MAP_FIELD_NUMBER: _ClassVar[int]
    LOOP_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    MODULE_FIELD_NUMBER: _ClassVar[int]
    id: str
    port: str
    to: str
    when: str
    map: str
    loop: bool
    capacity: int
    module: str
    def __init__(self, id: _Optional[str] = ..., port: _Optional[str] = ..., to: _Optional[str] = ..., when: _Optional[str] = ..., map: _Optional[str] = ..., loop: _Optional[bool] = ..., capacity: _Optional[int] = ..., module: _Optional[str] = ...) -> None: ...

class Peer(_message.Message):
    __slots__ = ("module", "address")
    MODULE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    module: str
    address: str
    def __init__(self, module: _Optional[str] = ..., address: _Optional[str] = ...) -> None: ...

class Incoming(_message.Message):
    __slots__ = ("flow", "edge", "from_module", "to", "capacity")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    EDGE_FIELD_NUMBER: _ClassVar[int]
    FROM_MODULE_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    flow: str
    edge: str
    from_module: str
    to: str
    capacity: int
    def __init__(self, flow: _Optional[str] = ..., edge: _Optional[str] = ..., from_module: _Optional[str] = ..., to: _Optional[str] = ..., capacity: _Optional[int] = ...) -> None: ...

class Applied(_message.Message):
    __slots__ = ("hash", "nodes")
    HASH_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    hash: str
    nodes: _containers.RepeatedCompositeFieldContainer[NodeState]
    def __init__(self, hash: _Optional[str] = ..., nodes: _Optional[_Iterable[_Union[NodeState, _Mapping]]] = ...) -> None: ...

class NodeState(_message.Message):
    __slots__ = ("flow", "name", "trouble", "ports", "running")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    flow: str
    name: str
    trouble: str
    ports: _containers.RepeatedCompositeFieldContainer[Port]
    running: bool
    def __init__(self, flow: _Optional[str] = ..., name: _Optional[str] = ..., trouble: _Optional[str] = ..., ports: _Optional[_Iterable[_Union[Port, _Mapping]]] = ..., running: _Optional[bool] = ...) -> None: ...

class Archive(_message.Message):
    __slots__ = ("sha256", "archive")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    ARCHIVE_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    archive: bytes
    def __init__(self, sha256: _Optional[str] = ..., archive: _Optional[bytes] = ...) -> None: ...

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

class LookRequest(_message.Message):
    __slots__ = ("flow", "port", "history", "ports")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    flow: str
    port: str
    history: int
    ports: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, flow: _Optional[str] = ..., port: _Optional[str] = ..., history: _Optional[int] = ..., ports: _Optional[_Iterable[str]] = ...) -> None: ...

class Look(_message.Message):
    __slots__ = ("count", "rate", "skipped", "messages", "ports")
    class PortsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Look
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Look, _Mapping]] = ...) -> None: ...
    COUNT_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    count: int
    rate: float
    skipped: int
    messages: _containers.RepeatedCompositeFieldContainer[Message]
    ports: _containers.MessageMap[str, Look]
    def __init__(self, count: _Optional[int] = ..., rate: _Optional[float] = ..., skipped: _Optional[int] = ..., messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., ports: _Optional[_Mapping[str, Look]] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("flow", "port", "per_second", "where")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    flow: str
    port: str
    per_second: float
    where: str
    def __init__(self, flow: _Optional[str] = ..., port: _Optional[str] = ..., per_second: _Optional[float] = ..., where: _Optional[str] = ...) -> None: ...

class Seen(_message.Message):
    __slots__ = ("message", "skipped", "count")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    message: Message
    skipped: int
    count: int
    def __init__(self, message: _Optional[_Union[Message, _Mapping]] = ..., skipped: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class StateRequest(_message.Message):
    __slots__ = ("flow",)
    FLOW_FIELD_NUMBER: _ClassVar[int]
    flow: str
    def __init__(self, flow: _Optional[str] = ...) -> None: ...

class State(_message.Message):
    __slots__ = ("nodes", "edges", "dead_letters", "lost", "ports", "draining")
    NODES_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[Runner]
    edges: _containers.RepeatedCompositeFieldContainer[Channel]
    dead_letters: int
    lost: _containers.RepeatedCompositeFieldContainer[Lost]
    ports: _containers.RepeatedCompositeFieldContainer[PortState]
    draining: bool
    def __init__(self, nodes: _Optional[_Iterable[_Union[Runner, _Mapping]]] = ..., edges: _Optional[_Iterable[_Union[Channel, _Mapping]]] = ..., dead_letters: _Optional[int] = ..., lost: _Optional[_Iterable[_Union[Lost, _Mapping]]] = ..., ports: _Optional[_Iterable[_Union[PortState, _Mapping]]] = ..., draining: _Optional[bool] = ...) -> None: ...

class Runner(_message.Message):
    __slots__ = ("flow", "name", "state", "trouble", "accepted", "handled", "failed", "dead", "shed", "queued", "running", "filtered", "letters")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    HANDLED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    DEAD_FIELD_NUMBER: _ClassVar[int]
    SHED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    FILTERED_FIELD_NUMBER: _ClassVar[int]
    LETTERS_FIELD_NUMBER: _ClassVar[int]
    flow: str
    name: str
    state: str
    trouble: str
    accepted: int
    handled: int
    failed: int
    dead: int
    shed: int
    queued: int
    running: int
    filtered: int
    letters: int
    def __init__(self, flow: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[str] = ..., trouble: _Optional[str] = ..., accepted: _Optional[int] = ..., handled: _Optional[int] = ..., failed: _Optional[int] = ..., dead: _Optional[int] = ..., shed: _Optional[int] = ..., queued: _Optional[int] = ..., running: _Optional[int] = ..., filtered: _Optional[int] = ..., letters: _Optional[int] = ...) -> None: ...

class Channel(_message.Message):
    __slots__ = ("flow", "id", "source", "to", "queued", "capacity", "sent", "rate", "module")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    MODULE_FIELD_NUMBER: _ClassVar[int]
    flow: str
    id: str
    source: str
    to: str
    queued: int
    capacity: int
    sent: int
    rate: float
    module: str
    def __init__(self, flow: _Optional[str] = ..., id: _Optional[str] = ..., source: _Optional[str] = ..., to: _Optional[str] = ..., queued: _Optional[int] = ..., capacity: _Optional[int] = ..., sent: _Optional[int] = ..., rate: _Optional[float] = ..., module: _Optional[str] = ...) -> None: ...

class PortState(_message.Message):
    __slots__ = ("flow", "port", "count", "rate", "skipped")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    flow: str
    port: str
    count: int
    rate: float
    skipped: int
    def __init__(self, flow: _Optional[str] = ..., port: _Optional[str] = ..., count: _Optional[int] = ..., rate: _Optional[float] = ..., skipped: _Optional[int] = ...) -> None: ...

class Lost(_message.Message):
    __slots__ = ("flow", "edge", "peer", "count", "when")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    EDGE_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    flow: str
    edge: str
    peer: str
    count: int
    when: float
    def __init__(self, flow: _Optional[str] = ..., edge: _Optional[str] = ..., peer: _Optional[str] = ..., count: _Optional[int] = ..., when: _Optional[float] = ...) -> None: ...

class DeadLettersRequest(_message.Message):
    __slots__ = ("flow", "limit")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    flow: str
    limit: int
    def __init__(self, flow: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class Letters(_message.Message):
    __slots__ = ("letters", "count", "lost")
    LETTERS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    letters: _containers.RepeatedCompositeFieldContainer[Letter]
    count: int
    lost: int
    def __init__(self, letters: _Optional[_Iterable[_Union[Letter, _Mapping]]] = ..., count: _Optional[int] = ..., lost: _Optional[int] = ...) -> None: ...

class Letter(_message.Message):
    __slots__ = ("id", "node", "reason", "message")
    ID_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    id: str
    node: str
    reason: str
    message: Message
    def __init__(self, id: _Optional[str] = ..., node: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[_Union[Message, _Mapping]] = ...) -> None: ...

class LetterIds(_message.Message):
    __slots__ = ("flow", "ids", "all")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    flow: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    all: bool
    def __init__(self, flow: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ..., all: _Optional[bool] = ...) -> None: ...

class Replayed(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class Discarded(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class HoldRequest(_message.Message):
    __slots__ = ("flow", "action", "node", "port", "when", "lease")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    flow: str
    action: str
    node: str
    port: str
    when: str
    lease: float
    def __init__(self, flow: _Optional[str] = ..., action: _Optional[str] = ..., node: _Optional[str] = ..., port: _Optional[str] = ..., when: _Optional[str] = ..., lease: _Optional[float] = ...) -> None: ...

class Holds(_message.Message):
    __slots__ = ("nodes", "breakpoints")
    NODES_FIELD_NUMBER: _ClassVar[int]
    BREAKPOINTS_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[Held]
    breakpoints: _containers.RepeatedCompositeFieldContainer[Breakpoint]
    def __init__(self, nodes: _Optional[_Iterable[_Union[Held, _Mapping]]] = ..., breakpoints: _Optional[_Iterable[_Union[Breakpoint, _Mapping]]] = ...) -> None: ...

class Held(_message.Message):
    __slots__ = ("node", "port", "message", "queued", "lease")
    NODE_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    node: str
    port: str
    message: Message
    queued: int
    lease: float
    def __init__(self, node: _Optional[str] = ..., port: _Optional[str] = ..., message: _Optional[_Union[Message, _Mapping]] = ..., queued: _Optional[int] = ..., lease: _Optional[float] = ...) -> None: ...

class Breakpoint(_message.Message):
    __slots__ = ("port", "when")
    PORT_FIELD_NUMBER: _ClassVar[int]
    WHEN_FIELD_NUMBER: _ClassVar[int]
    port: str
    when: str
    def __init__(self, port: _Optional[str] = ..., when: _Optional[str] = ...) -> None: ...

class DrainRequest(_message.Message):
    __slots__ = ("timeout",)
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    timeout: float
    def __init__(self, timeout: _Optional[float] = ...) -> None: ...

class Drained(_message.Message):
    __slots__ = ("left",)
    LEFT_FIELD_NUMBER: _ClassVar[int]
    left: int
    def __init__(self, left: _Optional[int] = ...) -> None: ...

class Dispatch(_message.Message):
    __slots__ = ("hello", "opens", "closes", "parcels")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    OPENS_FIELD_NUMBER: _ClassVar[int]
    CLOSES_FIELD_NUMBER: _ClassVar[int]
    PARCELS_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    opens: _containers.RepeatedCompositeFieldContainer[Open]
    closes: _containers.RepeatedScalarFieldContainer[int]
    parcels: _containers.RepeatedCompositeFieldContainer[Parcel]
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., opens: _Optional[_Iterable[_Union[Open, _Mapping]]] = ..., closes: _Optional[_Iterable[int]] = ..., parcels: _Optional[_Iterable[_Union[Parcel, _Mapping]]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("writer", "module", "stream")
    WRITER_FIELD_NUMBER: _ClassVar[int]
    MODULE_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    writer: str
    module: str
    stream: int
    def __init__(self, writer: _Optional[str] = ..., module: _Optional[str] = ..., stream: _Optional[int] = ...) -> None: ...

class Open(_message.Message):
    __slots__ = ("number", "flow", "edge", "epoch")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    EDGE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    number: int
    flow: str
    edge: str
    epoch: int
    def __init__(self, number: _Optional[int] = ..., flow: _Optional[str] = ..., edge: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class Parcel(_message.Message):
    __slots__ = ("number", "epoch", "first", "payloads", "time", "origins", "ids", "traces", "trace_origins", "parents", "parent_origins", "hops")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    PAYLOADS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    ORIGINS_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    TRACES_FIELD_NUMBER: _ClassVar[int]
    TRACE_ORIGINS_FIELD_NUMBER: _ClassVar[int]
    PARENTS_FIELD_NUMBER: _ClassVar[int]
    PARENT_ORIGINS_FIELD_NUMBER: _ClassVar[int]
    HOPS_FIELD_NUMBER: _ClassVar[int]
    number: int
    epoch: int
    first: int
    payloads: _containers.RepeatedScalarFieldContainer[bytes]
    time: float
    origins: _containers.RepeatedScalarFieldContainer[str]
    ids: _containers.RepeatedScalarFieldContainer[int]
    traces: _containers.RepeatedScalarFieldContainer[int]
    trace_origins: _containers.RepeatedScalarFieldContainer[int]
    parents: _containers.RepeatedScalarFieldContainer[int]
    parent_origins: _containers.RepeatedScalarFieldContainer[int]
    hops: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, number: _Optional[int] = ..., epoch: _Optional[int] = ..., first: _Optional[int] = ..., payloads: _Optional[_Iterable[bytes]] = ..., time: _Optional[float] = ..., origins: _Optional[_Iterable[str]] = ..., ids: _Optional[_Iterable[int]] = ..., traces: _Optional[_Iterable[int]] = ..., trace_origins: _Optional[_Iterable[int]] = ..., parents: _Optional[_Iterable[int]] = ..., parent_origins: _Optional[_Iterable[int]] = ..., hops: _Optional[_Iterable[int]] = ...) -> None: ...

class Receipts(_message.Message):
    __slots__ = ("welcome", "opened", "refusals", "receipts", "invitations")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    INVITATIONS_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    opened: _containers.RepeatedCompositeFieldContainer[Opened]
    refusals: _containers.RepeatedCompositeFieldContainer[Refusal]
    receipts: _containers.RepeatedCompositeFieldContainer[Receipt]
    invitations: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., opened: _Optional[_Iterable[_Union[Opened, _Mapping]]] = ..., refusals: _Optional[_Iterable[_Union[Refusal, _Mapping]]] = ..., receipts: _Optional[_Iterable[_Union[Receipt, _Mapping]]] = ..., invitations: _Optional[_Iterable[int]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("instance",)
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    instance: str
    def __init__(self, instance: _Optional[str] = ...) -> None: ...

class Opened(_message.Message):
    __slots__ = ("number", "epoch", "known", "received", "limit", "settled")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    number: int
    epoch: int
    known: bool
    received: int
    limit: int
    settled: int
    def __init__(self, number: _Optional[int] = ..., epoch: _Optional[int] = ..., known: _Optional[bool] = ..., received: _Optional[int] = ..., limit: _Optional[int] = ..., settled: _Optional[int] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("number", "epoch", "received", "limit", "settled")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    number: int
    epoch: int
    received: int
    limit: int
    settled: int
    def __init__(self, number: _Optional[int] = ..., epoch: _Optional[int] = ..., received: _Optional[int] = ..., limit: _Optional[int] = ..., settled: _Optional[int] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("number", "epoch", "known", "received", "kind", "code", "what", "way_out", "where", "retryable")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    WAY_OUT_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    number: int
    epoch: int
    known: bool
    received: int
    kind: str
    code: str
    what: str
    way_out: _containers.RepeatedScalarFieldContainer[str]
    where: str
    retryable: bool
    def __init__(self, number: _Optional[int] = ..., epoch: _Optional[int] = ..., known: _Optional[bool] = ..., received: _Optional[int] = ..., kind: _Optional[str] = ..., code: _Optional[str] = ..., what: _Optional[str] = ..., way_out: _Optional[_Iterable[str]] = ..., where: _Optional[str] = ..., retryable: _Optional[bool] = ...) -> None: ...
