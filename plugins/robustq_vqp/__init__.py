"""Quantisers of vector-quantize-pytorch, as `--quantise vqp:NAME:NUMBERS`.

A quantiser must map an embedding to an embedding with one code for each token. Some of the library's modules do not, or
not well, and are left out: HierarchicalVQ (codes at several resolutions), RandomProjectionQuantizer (only codes),
BinaryMapper and EvoLFQ (not trained by gradients), and LatentQuantize (different values share a code after training).
"""
