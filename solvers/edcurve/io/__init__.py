"""Reading points and tables, writing files whole or not at all, and text as HTML."""
