"""JSON Patch (RFC 6902) between documents whose equality is that of their canonical bytes.

`diff` says what changed, `apply`, `apply_in_place` and `apply_sharing` do it again, `compose` makes one patch of two. A
`Patch` is a list of operations as any JSON library reads it. Documents may nest as deep as `parse` lets them: nothing
here recurses.
"""

from __future__ import annotations

from eventstore.patch.composition import compose
from eventstore.patch.difference import diff
from eventstore.patch.operations import Patch, apply, apply_in_place, apply_sharing
from eventstore.patch.values import same

__all__ = ["Patch", "apply", "apply_in_place", "apply_sharing", "compose", "diff", "same"]
