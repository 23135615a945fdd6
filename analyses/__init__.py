"""Analyses: short scripts that import only the public package and are never imported back."""
