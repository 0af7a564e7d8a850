"""The optimum of a source: E(D), its bounds and its hull, and the codes that attain them."""
