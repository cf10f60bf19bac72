"""What tests of this package and of components from outside it share: small chips, a conformance suite."""
