"""Hardware: component kinds, one file each in `components`, and designs that combine them."""
