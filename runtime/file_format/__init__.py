"""Calibrator file: one ONNX model with metadata, parity probes and a seal."""
