"""The edge protocol: how messages pass an edge whose two ends are in different module processes.

Nothing here knows gRPC or asyncio, and no clock but one that is handed in: the same machines are driven by gRPC
between processes, by asyncio in memory, and by a simulation in the tests.

One stream leads from a sending process to a receiving one, and carries all edges between the two.

**Names.** A process is known by a uid of its life: the *writer* that sends, the *instance* that receives. An edge is
known by its flow and id, on one stream by a number. A message is known by (writer, edge, epoch, sequence). An epoch is
one numbering 1, 2, 3 … of an edge's messages by one writer; a writer begins a further one whenever it cannot go on
with the last (the receiver died, or refused the edge). Of two epochs of one writer the receiver takes only the newer.

**Order and once.** The receiver keeps, per writer and edge, its high-water mark: it accepts exactly the sequence after
it, answers what it had with the mark, and breaks off at a gap. So a writer that sends again after a reconnect what
was not acknowledged neither doubles nor reorders, however often it does so, and there is no window to fall out of.
A stream that a newer one of the same writer has replaced is not listened to any more.

**Back-pressure.** The receiver grants sequences, "up to 1,088", never more than the room in the bounded channel the
edge ends at. A message that is sent has room, so it is accepted as it comes and acknowledged at once. A message is
*queued* at the writer until it is acknowledged; then it was handed over, and is the receiver's.

**Refusals.** A refusal carries an error whole (kind, code, text, way out) and says whether waiting may help. "No right
to that port" may pass when the receiver learns of the edge a moment later: messages wait, for ``PATIENCE`` seconds.
"No such node" does not: they become dead letters at the writer, with the receiver's text. A refusal tells the mark too,
so it is certain which messages were not accepted. When the receiver can take the edge again it invites the writer,
which opens it anew, in a new epoch: nothing that was on its way before can be taken for something new.

**Loss.** While both processes live nothing is lost, doubled or reordered, whatever the connection does. When the
receiver has died (another instance answers), the writer reports per edge how many messages may have gone with it::

    reported = sent to that instance - settled there, as far as the writer was told

A message is *settled* when it and everything that was sent on because of it, inside the receiving process, has been
handled, has become a dead letter, was shed, or was accepted by the next process. The receiver tells the count with each
receipt, and again when it grows. Why this bounds the loss:

- What was never sent to the dead instance still lies at the writer, and goes to the next one.
- What was sent lay on the wire, in the channel, in a handler's hands, in channels further inside, or in those that
  lead out again, unacknowledged. All of it is unsettled, so none of it is missing from the count. An acknowledgement
  alone would not do: what was accepted and not yet handled dies too, and so does what was handled and not passed on.
- What was settled is lost to nobody: its effects are outside that process, in another's hands, told by *its* peers.
- The writer's knowledge lags behind: it may count as lost what was settled a moment ago, never the reverse. So
  missing ≤ reported. Nothing that was sent is sent again to another instance, for it may have been handled there:
  so 0 doubled.

What this leaves open, by nature: a process that dies together with its peer takes that peer's report along; what began
in a dead process (its sources, what ``send`` gave it) is known to nobody; dead letters and the states of nodes are
memory too.
The journal, which comes later, closes these with the same fields.
"""

from tinyflow_runtime.delivery.arrivals import Arrival, Door
from tinyflow_runtime.delivery.departures import Departure, Origin
from tinyflow_runtime.delivery.frames import (
    FRAME_BYTES,
    FRAME_MESSAGES,
    WINDOW,
    Cargo,
    Close,
    EdgeKey,
    Frame,
    Hello,
    Invitation,
    Loss,
    Open,
    Opened,
    Parcel,
    Receipt,
    Refusal,
    Welcome,
)
from tinyflow_runtime.delivery.receiver import Receiver, Right, Session
from tinyflow_runtime.delivery.sender import PATIENCE, Sender

__all__ = [
    "FRAME_BYTES",
    "FRAME_MESSAGES",
    "PATIENCE",
    "WINDOW",
    "Arrival",
    "Cargo",
    "Close",
    "Departure",
    "Door",
    "EdgeKey",
    "Frame",
    "Hello",
    "Invitation",
    "Loss",
    "Open",
    "Opened",
    "Origin",
    "Parcel",
    "Receipt",
    "Receiver",
    "Refusal",
    "Right",
    "Sender",
    "Session",
    "Welcome",
]
