"""Compaction: a smaller dense model that computes the same function, and the check of that."""

from nasturtium.compaction.folding import Folding, fold_batch_normalization
from nasturtium.compaction.groups import (
    Group,
    Member,
    dependency_groups,
    prunable_parameters,
)
from nasturtium.compaction.rewrite import CompactionResult, compact
from nasturtium.compaction.verify import verify

__all__ = [
    "CompactionResult",
    "Folding",
    "Group",
    "Member",
    "compact",
    "dependency_groups",
    "fold_batch_normalization",
    "prunable_parameters",
    "verify",
]
