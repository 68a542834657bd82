"""Read an estimator of scikit-learn from a file: of skops, which is data, or a pickle, which is code."""

import warnings
from pathlib import Path
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

from model.errors import ExportError, UsageError, quoted
from model.sources.boosters import TRUSTED


def read(file: Path, *, run_code: bool) -> Any:  # noqa: ANN401 - scikit-learn has no types
    """Read an estimator.

    Args:
        file: written by `skops.io.dump`, `joblib.dump` or `pickle.dump`.
        run_code: whether code that is in the file may run; a file of skops holds none.

    Raises:
        UsageError: the file is a pickle, and its code must not run.
        ExportError: the file cannot be loaded, or holds types that are no library's.

    """
    if file.suffix == ".skops":
        return _read_skops(file)
    if not run_code:
        raise UsageError(
            f"{file}: loading it can run code that is in it, as with any pickle. Save it by "
            "skops.io.dump(estimator, 'FILE.skops'), which holds no code; or, if the file is your own, add "
            "--run-code-in-file"
        )
    return _read_pickle(file)


def _read_skops(file: Path) -> Any:  # noqa: ANN401 - as above
    try:
        from skops import io
        from skops.io.exceptions import UntrustedTypesFoundException
    except ModuleNotFoundError:
        raise ExportError(f"{file}: needs the package skops: install it and export again") from None
    untrusted: set[str] = set()
    try:
        untrusted |= set(io.get_untrusted_types(file=file))
        estimator = io.load(file, trusted=sorted(untrusted & set(TRUSTED)))
    except UntrustedTypesFoundException:
        raise ExportError(
            f"{file}: holds {', '.join(sorted(untrusted - set(TRUSTED)))}, which may be code of its author: "
            "nothing is loaded. Save the estimator without them, or, if the file is your own, save it by "
            "joblib.dump(estimator, FILE) and add --run-code-in-file"
        ) from None
    except OSError as error:
        raise ExportError(f"{file}: {error.strerror or error}") from None
    except Exception as error:
        raise ExportError(
            f"{file}: not a file of skops, or a damaged one ({quoted(error)}). Save it by "
            "skops.io.dump(estimator, FILE)"
        ) from error
    return estimator


def _read_pickle(file: Path) -> Any:  # noqa: ANN401 - as above
    import joblib

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            return joblib.load(file)
    except OSError as error:
        raise ExportError(f"{file}: {error.strerror or error}") from None
    except ModuleNotFoundError as error:
        raise ExportError(
            f"{file}: {quoted(error)}. Install the library, or run the export from the folder with your own "
            "code"
        ) from None
    except InconsistentVersionWarning as error:
        raise ExportError(
            f"{file}: {quoted(error)}. Install the version with which it was saved, or fit and save it again "
            "with the one that is here"
        ) from None
    except Exception as error:
        raise ExportError(
            f"{file}: cannot be loaded: {quoted(error)}. Save the fitted estimator by "
            "joblib.dump(estimator, FILE); functions and classes of your own must be in a file that can be "
            "imported here, not in the notebook"
        ) from error
