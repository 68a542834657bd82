"""What a person runs: up, down, render, smoke, load. `make` calls these."""
