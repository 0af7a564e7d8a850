"""The commands of the neural part."""
