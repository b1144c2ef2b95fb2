"""Sentences of an object's docstring, read from its source file without importing or executing it."""

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec, resolve_name
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path

MOST_STEPS = 8
"""A name is followed through at most this many imports and assignments."""

_SENTENCE = re.compile(r".*?(?<!\be\.g)(?<!\bi\.e)(?<!\bal)(?<!\bvs)[.!?](?=\s|$)")


def first_sentence(place: str) -> str:
    """The first sentence of the docstring of `module:name`; "" where there is no docstring or no source file.

    The docstring of an assigned object is the string on the next line; without such a string, it is the docstring of
    the class that makes the object. A name that the module imports is looked up in the module it comes from.

    Args:
        place: as in an entry point, such as `robustq_vq.vector:VectorQuantiser`.
    """
    module, _, name = place.partition(":")
    paragraph = " ".join(_docstring(module, name, MOST_STEPS).partition("\n\n")[0].split())
    return _sentence(paragraph)


def sentence_after(place: str, words: str) -> str:
    """The first sentence of the docstring of `module:name` that begins with these words; "" without such a sentence.

    Args:
        place: as in `first_sentence`.
        words: how the sentence begins, such as "At level L,".
    """
    module, _, name = place.partition(":")
    _, begins, rest = " ".join(_docstring(module, name, MOST_STEPS).split()).partition(words)
    return _sentence(begins + rest)


def _sentence(text: str) -> str:
    """The text up to the end of its first sentence."""
    sentence = _SENTENCE.match(text)
    return sentence[0] if sentence else text


def _docstring(module: str, name: str, steps: int) -> str:
    """The docstring of a name; empty where it is not found in this number of steps."""
    statements = list(_statements(_parsed(module))) if steps else []
    for statement, following in reversed(list(pairwise([*statements, None]))):
        match statement:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() if statement.name == name:
                return ast.get_docstring(statement) or ""
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                pass
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
                pass
            case ast.ImportFrom(names=imported, level=level):
                for alias in imported:
                    if name == (alias.asname or alias.name):
                        return _docstring(_absolute(module, statement.module, level), alias.name, steps - 1)
                continue
            case _:
                continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            return cleandoc(str(following.value.value))
        maker = value.func if isinstance(value, ast.Call) else value
        return _docstring(module, maker.id, steps - 1) if isinstance(maker, ast.Name) else ""
    return ""


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module in order, with the statements under `if` and `try`."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try):
            yield from _statements([*statement.body, *statement.orelse])


def _absolute(module: str, source: str | None, level: int) -> str:
    """The full name of the module after `from` inside another module; `level` is the number of its leading dots."""
    if not level:
        return source or ""
    file = _file(module)
    package = module if file is not None and file.name == "__init__.py" else module.rpartition(".")[0]
    try:
        return resolve_name("." * level + (source or ""), package)
    except ImportError:  # there are more dots than packages
        return ""


@cache
def _parsed(module: str) -> Sequence[ast.stmt]:
    """The statements at the top level of a module; none where its source cannot be read."""
    file = _file(module)
    if file is None:
        return ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler may warn of code that is not ours
        try:
            return ast.parse(file.read_bytes()).body
        except (OSError, SyntaxError, ValueError):
            return ()


def _file(module: str) -> Path | None:
    """The source file of a module. Only its outermost package is looked up, because this imports nothing."""
    outermost, *inner = module.split(".")
    try:
        spec = find_spec(outermost) if outermost else None
    except (ImportError, ValueError):  # the module is imported already and does not give its file
        return None
    if spec is None:
        return None
    if not inner and spec.origin is not None:
        return Path(spec.origin) if spec.origin.endswith(".py") else None
    for folder in spec.submodule_search_locations or ():
        path = Path(folder, *inner)
        for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
            if file.is_file():
                return file
    return None
