"""A world to observe: a generated API like OpenRouter's, the same each time, for the demo and the tests.

Models appear, vanish and return; prices change and come back; endpoints flap, share a tag, or leave a model deserted;
telemetry never stands still; parameters are reordered; the schema drifts; and requests fail. `World.documents` tells
the truth, `WorldTransport` what an observer gets to see of it. Nothing here uses the record's own code.
"""

from __future__ import annotations

from collector.world.faults import Failure, Reply
from collector.world.transport import Clock, WorldTransport
from collector.world.world import World

__all__ = ["Clock", "Failure", "Reply", "World", "WorldTransport"]
