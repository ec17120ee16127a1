"""Tiles that multiply for a network: cells, transfer matrices, converters and costs, batched."""
