"""Administration: health of the parts."""
