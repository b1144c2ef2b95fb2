"""The command robustq new, which writes a plugin to start from."""

import keyword
import re
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from robustq import registry
from robustq.errors import RequestError, unknown
from robustq_cli import complete, console
from robustq_cli.command import examples

EXAMPLES = examples(
    (
        "A perturbation of your own, installed and used",
        "robustq new plugin my-noise --kind perturbation",
        "pip install -e ./my-noise",
        "robustq stress --noise my-noise",
    ),
    ("A metric of your own", "robustq new plugin my-score --kind metric"),
)

MAKES = ("plugin",)

What = Annotated[
    str, typer.Argument(metavar="WHAT", autocompletion=complete.one_of(*MAKES), help="What to write: plugin.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the package and of its item, such as my-noise.")]
Kind = Annotated[
    str,
    typer.Option(
        metavar="KIND",
        autocompletion=complete.words_of_kinds(),
        help=f"What the item is: {', '.join(registry.KINDS.values())}.",
    ),
]
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new(
    what: What,
    name: Name,
    kind: Kind,
) -> None:
    """Write a package to start from, with an item of your own.

    The folder ./NAME gets the package with one small item that works, its test and a README.
    """
    if what not in MAKES:
        raise unknown("thing to write", what, MAKES)
    group = _group(kind)
    target = _free(name, group)
    for file, text in plugin(name, group).items():
        path = target / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    console.print_pairs(
        {
            "written": f"{target}/",
            "item": f"{target / 'src' / name.replace('-', '_') / registry.KINDS[group]}.py",
            "next": f"pip install -e ./{target}",
            "then": f"pytest {target} && robustq list {group}",
        }
    )


def plugin(name: str, kind: str) -> dict[str, str]:
    """The files of a plugin, as a mapping from the path in the plugin's folder to the text.

    Args:
        name: name of the package and of its item.
        kind: kind of the item as the registry names it, such as "perturbations".
    """
    package, word = name.replace("-", "_"), registry.KINDS[kind]
    words = {
        "name": name,
        "package": package,
        "kind": kind,
        "word": word,
        "a_word": f"{'an' if word[0] in 'aeiou' else 'a'} {word}",
        "class_name": "".join(syllable.capitalize() for syllable in name.split("-")),
    }
    templates = files("robustq_cli") / "templates" / "plugin"

    def fill(*path: str) -> str:
        return Template(templates.joinpath(*path).read_text(encoding="utf-8")).substitute(words)

    words["use"] = fill(kind, "use.txt").strip()
    return {
        "pyproject.toml": fill("pyproject.toml.txt"),
        "README.md": fill("README.md.txt"),
        f"src/{package}/__init__.py": fill("init.py.txt"),
        f"src/{package}/{word}.py": fill(kind, "item.py.txt"),
        f"tests/test_{package}.py": fill(kind, "test.py.txt"),
    }


def _group(kind: str) -> str:
    """The registry's name of a kind, which is given as for example "metric" or "metrics"."""
    words = {word: group for group, word in registry.KINDS.items()}
    group = words.get(kind, kind)
    if group not in registry.KINDS:
        raise unknown("kind", kind, words)
    return group


def _free(name: str, kind: str) -> Path:
    """The folder to write into, if neither it nor its name is in use."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise RequestError(
            f"{name!r} cannot name a plugin: use lower-case letters and digits, beginning with a letter, with single "
            "hyphens between words, as in my-noise"
        )
    target = Path(name)
    if target.exists():
        raise RequestError(f"{target} exists already: choose another name, or work in another directory")
    taken = next((item for item in registry.items(kind) if name in (item.name, *item.aliases)), None)
    if taken is not None:
        raise RequestError(f"{taken.distribution} already has the {registry.KINDS[kind]} {name!r}: choose another name")
    if find_spec(name.replace("-", "_")) is not None:
        raise RequestError(f"{name!r} is the name of an installed module: choose another name")
    return target
