"""The other way round, for the demo and the tests: meters that do not exist, speaking as real ones do."""
