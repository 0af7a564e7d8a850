"""Any finite set of weighted vectors as a source: bounds on its R(D), and codes for it, with a choice of error."""
