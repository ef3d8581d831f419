"""Retention: what of the history is to be kept, decided by a policy. Pure: `eventstore.compaction` carries it out."""

from __future__ import annotations

from eventstore.retention.buckets import DAY, Bucket, Zone, bucket_of, floor_day, zones
from eventstore.retention.dropping import Kept, droppable
from eventstore.retention.files import make, policy_in, shipped
from eventstore.retention.plan import CategoryPlan, Plan, plan
from eventstore.retention.policy import Policy, Rule, Spacing, Summary, Tier, parse

__all__ = [
    "DAY",
    "Bucket",
    "CategoryPlan",
    "Kept",
    "Plan",
    "Policy",
    "Rule",
    "Spacing",
    "Summary",
    "Tier",
    "Zone",
    "bucket_of",
    "droppable",
    "floor_day",
    "make",
    "parse",
    "plan",
    "policy_in",
    "shipped",
    "zones",
]
