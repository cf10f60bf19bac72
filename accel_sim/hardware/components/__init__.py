"""The component kinds. A file here is found by its name: `type: vector_unit` loads `vector_unit.py`."""
