"""Inference over many data sets at once: MetaVAE, its relatives, the third gap, and regularised encoders."""
