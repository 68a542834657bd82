"""Our server side by side with its peers, in one run: `python -m bench`, or `make bench`."""
