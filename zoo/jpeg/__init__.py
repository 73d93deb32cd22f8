"""The JPEG engine: colour, blocks, quantization and two codecs; no layers."""
