"""Validation: references as data, suites that compare with them, reports."""
