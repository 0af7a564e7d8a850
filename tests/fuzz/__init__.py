"""Damaged, hostile and odd files for every part of edcurve that reads files."""
