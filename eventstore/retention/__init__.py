"""Retention: what of the history is to be kept, decided by a policy. Pure: `eventstore.compaction` carries it out."""

from __future__ import annotations

from eventstore.retention.buckets import Bucket, Zone, bucket_of, zones
from eventstore.retention.files import make, policy_in, shipped
from eventstore.retention.plan import CategoryPlan, Plan, plan
from eventstore.retention.policy import Policy, Rule, Spacing, Tier, parse

__all__ = [
    "Bucket",
    "CategoryPlan",
    "Plan",
    "Policy",
    "Rule",
    "Spacing",
    "Tier",
    "Zone",
    "bucket_of",
    "make",
    "parse",
    "plan",
    "policy_in",
    "shipped",
    "zones",
]
