"""Models: one file (or package) per paper, found by its name. See `zoo.types.ModelFile` for what each holds."""
