"""The compressors: what each is, and what all of them offer."""
