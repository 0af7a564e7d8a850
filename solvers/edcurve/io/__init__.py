"""Reading points and tables, writing files whole or not at all, and making HTML from plain values."""
