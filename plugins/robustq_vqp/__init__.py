"""Quantisers of vector-quantize-pytorch, as `--quantise vqp:NAME:NUMBERS`.

Left out are those that do not map an embedding to an embedding with a code a token: HierarchicalVQ (codes at several
resolutions), RandomProjectionQuantizer (codes alone), BinaryMapper and EvoLFQ (trained by other means than a
gradient), and LatentQuantize, whose codes no longer tell its values apart once these are trained.
"""
