"""The project's Python environment, `.venv`: which Python makes it, and what is installed into it."""
