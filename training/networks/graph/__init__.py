"""Graph of a network: read from ONNX or torch, and run."""
