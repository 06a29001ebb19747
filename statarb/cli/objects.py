"""Classes and objects of the user, named on the command line by module or by file."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

from statarb.errors import ParameterError

__all__ = ["is_object", "load_investor", "load_object"]


def is_object(word: str) -> bool:
    """Return whether a word names a class of the user's rather than a registered one.

    Parameters
    ----------
    word : str
        ``MODULE:CLASS``, ``FILE.py:CLASS`` or a registered name.

    Returns
    -------
    bool
    """
    return ":" in word


def load_investor(word: str, parameters: dict[str, Any]) -> Any:
    """Make an investor by its registered name, or by the module or file of its class.

    The class is the user's own and runs as such: it is trusted as any other code of theirs.

    Parameters
    ----------
    word : str
        Registered name, ``MODULE:CLASS`` or ``FILE.py:CLASS``.
    parameters : dict
        Of its constructor.

    Returns
    -------
    object
        With a name and ``decide``.

    Raises
    ------
    ParameterError
        No such name, module, file or class; a class that is no investor, or that cannot be made
        with these parameters.
    """
    from statarb.investors import make_investor

    if not is_object(word):
        return make_investor(word, **parameters)
    found = load_object(word, parameters)
    if isinstance(getattr(found, "name", None), str) and callable(getattr(found, "decide", None)):
        return found
    raise ParameterError(
        f"{word} must be an investor: an attribute name (text) and a method decide(window, "
        f"holdings); {type(found).__name__} has not both. `statarb check {word}` tells more"
    )


def load_object(target: str, parameters: dict[str, Any]) -> Any:
    """Import ``module:name`` and make an object of it where it is a class; the working folder is
    searched too.

    Parameters
    ----------
    target : str
        ``MODULE:CLASS`` or ``FILE.py:CLASS``.
    parameters : dict
        Of the constructor.

    Returns
    -------
    object

    Raises
    ------
    ParameterError
        No such module or name, a class that cannot be made with these arguments.
    """
    place, colon, name = target.rpartition(":")
    if not colon or not place or not name:
        raise ParameterError(f"target must be given as MODULE:CLASS, got {target!r}")
    path = Path(place)
    if path.suffix == ".py" and not path.is_file():
        raise ParameterError(f"no such file: {path}; give MODULE:CLASS or FILE.py:CLASS")
    folder = str(path.resolve().parent if path.suffix == ".py" else Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    shown = path.stem if path.suffix == ".py" else place
    try:
        module = _from_file(path) if path.suffix == ".py" else importlib.import_module(place)
    except MemoryError:
        raise
    except (
        Exception,
        SystemExit,
    ) as error:  # the boundary to other people's code, which runs when it is imported
        raise ParameterError(
            f"module {shown!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not hasattr(module, name):
        raise ParameterError(f"module {shown!r} has no {name!r}")
    subject = getattr(module, name)
    if not isinstance(subject, type):
        if parameters:
            raise ParameterError(f"--set is for classes; {target} is an object or a function")
        return subject
    try:
        return subject(**parameters)
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:  # the boundary to other people's code: its constructor
        raise ParameterError(
            f"{target} cannot be made: {type(error).__name__}: {error}; give its arguments with "
            "--set name=value"
        ) from error


def _from_file(path: Path) -> ModuleType:
    """Import a file as a module, also where another module has its name; workers get its content,
    since they cannot import it.
    """
    real = str(path.resolve())
    name = path.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) != real:
        name = f"statarb_user_{path.stem}"
        known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == real:
        return known
    spec = importlib.util.spec_from_file_location(name, real)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    cloudpickle.register_pickle_by_value(module)
    return module
