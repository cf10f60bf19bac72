"""Arithmetic as counts of standard cells: what a unit is made of, before any node or price.

`cells` names the cells, `circuit` combines them, `reduction` sums columns of dots; `integer`, `floating`,
`encoders`, `blocks` and `functions` build units out of these. `technology.pricing` gives them a price.
"""
