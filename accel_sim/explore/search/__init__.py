"""Search: a space declared once, samplers that propose, a driver that evaluates and remembers."""
