"""Models that were trained elsewhere and come in ONNX."""
