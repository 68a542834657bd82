"""Remove the packages from one folder that another folder has: `remove_duplicates.py FOLDER OTHER`."""

import sys
from importlib.metadata import distributions
from pathlib import Path

folder, other = sys.argv[1:]
there = {distribution.name for distribution in distributions(path=[other])}
for distribution in distributions(path=[folder]):
    if distribution.name in there:
        for file in distribution.files or ():
            Path(str(distribution.locate_file(file))).unlink(missing_ok=True)
