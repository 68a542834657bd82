"""One module for each format: it writes a model, and runs the written files."""
