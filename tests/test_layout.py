"""The house is built as docs/architecture.md draws it."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"


@dataclass(frozen=True)
class Import:
    """One module that one line of a file imports."""

    where: str
    module: str
    imported: str


def floors() -> list[list[str]]:
    """The lines of the table, from top to bottom."""
    section = PAGE.read_text().partition("## Who may import whom")[2]
    table = section.split("```")[1]
    return [line.split(" · ") for line in table.strip().splitlines()]


def rooms() -> dict[str, int]:
    """The line of each room, 0 at the top."""
    return {room: number for number, line in enumerate(floors()) for room in line}


def room_of(module: str) -> str:
    """`robustq.data.resample` -> `data/`; `robustq.errors` -> `errors`; `robustq` -> `__init__`."""
    parts = module.split(".")
    if len(parts) == 1:
        return "__init__"
    return f"{parts[1]}/" if f"{parts[1]}/" in rooms() else parts[1]


def module_of(path: Path) -> str:
    """The dotted name of a file below robustq/, plugins/ or cli/."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts if parts[0] == "robustq" else parts[1:]).removesuffix(".__init__")


def sources() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    packages = [ROOT / "robustq", *sorted((ROOT / "plugins").glob("robustq_*")), ROOT / "cli" / "robustq_cli"]
    return {module_of(path): path for package in packages for path in sorted(package.rglob("*.py"))}


def imports(module: str, path: Path, known: dict[str, Path]) -> Iterator[Import]:
    """Every import of the project's own modules, also inside functions and under TYPE_CHECKING."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the whole name of the module"
            # `from package import name` imports the module package.name, where there is one.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else str(node.module) for name in names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.split(".")[0].startswith("robustq"):
                yield Import(f"{path.relative_to(ROOT)}:{node.lineno}", module, name)


def all_imports() -> list[Import]:
    known = sources()
    return [one for module, path in known.items() for one in imports(module, path, known)]


def test_every_room_of_the_table_exists_and_every_file_has_a_room() -> None:
    for room in rooms():
        assert (ROOT / "robustq" / (room if room.endswith("/") else f"{room}.py")).exists(), f"no robustq/{room}"
    for module in sources():
        if module.split(".")[0] == "robustq":
            assert room_of(module) in rooms(), f"{module} has no room in {PAGE.name}"


def test_every_arrow_runs_down() -> None:
    line = rooms()
    wrong = [
        f"{one.where}: {room_of(one.module)} is on line {line[room_of(one.module)]} of the table and imports "
        f"{one.imported}, which is on line {line[room_of(one.imported)]}: not below it"
        for one in all_imports()
        if one.module.split(".")[0] == one.imported.split(".")[0] == "robustq"
        and one.imported != "robustq"
        and room_of(one.module) != room_of(one.imported)
        and line[room_of(one.module)] >= line[room_of(one.imported)]
    ]
    assert not wrong, "\n".join(wrong)


def test_the_core_imports_no_plugin_and_the_command_line_only_where_it_is_started() -> None:
    wrong = [
        f"{one.where}: {one.module} imports {one.imported}"
        for one in all_imports()
        if one.module.split(".")[0] == "robustq"
        and one.imported.startswith("robustq_")
        and (one.module, one.imported.split(".")[0]) != ("robustq.__main__", "robustq_cli")
    ]
    assert not wrong, "\n".join(wrong)


def test_plugins_do_not_import_the_command_line_nor_what_runs() -> None:
    above = ("robustq.run", "robustq_cli")
    wrong = [
        f"{one.where}: {one.imported}"
        for one in all_imports()
        if one.module.startswith("robustq_")
        and not one.module.startswith("robustq_cli")
        and f"{one.imported}.".startswith(tuple(f"{name}." for name in above))
    ]
    assert not wrong, "\n".join(wrong)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import each other, be it through others (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(graph.get(module, ())):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1 or module in graph.get(module, ()):
                found.append(group)

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return found


def test_no_modules_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for one in all_imports():
        # A package's face names the modules in it, which is no circle as long as none of them asks it back.
        graph.setdefault(one.module, set()).add(one.imported)
    graph.pop("robustq", None)
    assert circles(graph) == []


def test_circles_are_found_where_there_are_some() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}}) == []


@pytest.mark.parametrize("room", [room for room in rooms() if room.endswith("/")])
def test_the_face_of_a_folder_says_the_rule_of_the_table(room: str) -> None:
    """Its last sentence names the rooms of the line directly below its own."""
    face = ast.get_docstring(ast.parse((ROOT / "robustq" / room / "__init__.py").read_text()))
    assert face is not None, f"robustq/{room}__init__.py says nothing"
    told = re.search(r"May import ((?:`[\w/]+`(?:, | and )?)+) and what stands below", " ".join(face.split()))
    assert told, f"robustq/{room}__init__.py does not say: May import `a/`, `b` and what stands below."
    below = floors()[rooms()[room] + 1]
    assert re.findall(r"`([\w/]+)`", told[1]) == below, f"robustq/{room} says {told[1]}, the table {below}"


def test_what_reads_options_never_imports_torch() -> None:
    modules = [module for module in sources() if module.startswith("robustq.request")]
    code = f"import sys, importlib; [importlib.import_module(m) for m in {modules}]; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
