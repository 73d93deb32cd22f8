"""What rendered data sets are drawn with."""
