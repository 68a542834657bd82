"""What a person runs: up, down, serve, render, smoke, load. `make` calls these."""
