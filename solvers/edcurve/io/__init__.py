"""Reading points and tables, writing files atomically, and making HTML from plain values."""
