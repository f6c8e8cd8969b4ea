"""The rule of Embedding: each token of the vocabulary is a row, each channel a column."""

import numpy as np

from nasturtium.compaction.rules import Rule


class Lookup(Rule):
    """Embedding: its columns are new channels, independent of its tokens."""

    attributes = ("embeddings",)

    def refusal(self, step):
        """Refuse a mask, which later layers would use."""
        return "it masks its tokens (mask_zero)" if step.layer.mask_zero else None

    def connect(self, step, ins, new):
        """Every output channel is new."""
        return new(step.out_shapes[0][-1]), []

    def constants(self, step, weights, ins):
        """A column of equal values gives that value for every token."""
        rows = weights["embeddings"].astype(np.float64)
        return np.where((rows == rows[0]).all(axis=0), rows[0], np.nan)

    def reads(self, step, weights, ins, needed):
        """Every token of a text counts."""
        return [np.ones(len(ins[0]), bool)]

    def axes(self, step, ins, out):
        """The rows are the vocabulary, not channels."""
        return {"embeddings": {1: ("out", out)}}

    def config(self, step, kept_out):
        """The outputs are the embedding's width."""
        return {"output_dim": kept_out}
