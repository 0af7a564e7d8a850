"""Files that are damaged, hostile or merely odd, for everything of edcurve that reads one."""
