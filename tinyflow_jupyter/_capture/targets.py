"""What syntax says of names, wherever it stands: what a body binds, what an annotation quotes, what runs at once."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

__all__ = [
    "CHANGING",
    "DEFINITIONS",
    "arguments_of",
    "begins",
    "bound_in",
    "is_for_types",
    "named_in_globals",
    "quoted",
    "quoted_by_call",
    "targets",
    "type_parameters",
    "walk_now",
]

# What changes the object it is called on; a method of another name is thought to only look.
CHANGING = frozenset(
    "append extend insert remove pop clear sort reverse update setdefault popitem add discard appendleft extendleft "
    "rotate intersection_update difference_update symmetric_difference_update __setitem__ subtract register".split()
)

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def begins(node: ast.stmt) -> int:
    """The first line of a statement, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def named_in_globals(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Where a name is asked for in quotes: ``globals()["x"]``, ``"x" in globals()``, ``globals().get("x")``."""
    match node:
        case ast.Subscript(value=ast.Call() as call, slice=ast.Constant(value=str(name))):
            pass
        case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.Call() as call], left=ast.Constant(str(name))):
            pass
        case ast.Call(func=ast.Attribute(value=ast.Call() as call, attr="get"), args=[ast.Constant(str(name)), *_]):
            pass
        case _:
            return
    if _last_name(call.func) == "globals":
        yield call, name


def is_for_types(node: ast.AST) -> bool:
    """Whether a statement is ``if TYPE_CHECKING:`` with imports only, which never run."""
    return (
        isinstance(node, ast.If)
        and _last_name(node.test) == "TYPE_CHECKING"
        and not node.orelse
        and all(isinstance(each, (ast.Import, ast.ImportFrom)) for each in node.body)
    )


def walk_now(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that are evaluated when a statement runs: not those inside functions."""
    yield node
    children: list[ast.AST]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        children = [*node.decorator_list, *node.args.defaults, *(each for each in node.args.kw_defaults if each)]
    elif isinstance(node, ast.Lambda):
        children = [*node.args.defaults, *(each for each in node.args.kw_defaults if each)]
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from walk_now(child)


def quoted(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Names in the strings of an annotation; those of ``Literal["a"]`` and of ``Annotated[int, "text"]`` are none."""
    if isinstance(node, ast.Subscript) and _last_name(node.value) == "Literal":
        return
    if isinstance(node, ast.Subscript) and _last_name(node.value) == "Annotated" and isinstance(node.slice, ast.Tuple):
        yield from quoted(node.slice.elts[0])
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            inner = ast.parse(node.value.strip(), mode="eval")
        except (SyntaxError, ValueError):
            return
        for each in ast.walk(inner):
            if isinstance(each, ast.Name):
                yield each.id, node.lineno
        return
    for child in ast.iter_child_nodes(node):
        yield from quoted(child)


def quoted_by_call(node: ast.Call) -> Iterator[tuple[str, int]]:
    """Names in the strings that ``TypeVar("T", bound="Sized")`` and ``cast("Row", x)`` take for types."""
    called = _last_name(node.func)
    if called in ("TypeVar", "NewType"):
        for each in (*node.args[1:], *(given.value for given in node.keywords)):
            yield from quoted(each)
    elif called in ("cast", "ForwardRef"):
        for each in node.args[:1]:
            yield from quoted(each)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def arguments_of(arguments: ast.arguments) -> list[ast.arg]:
    """Every parameter of a function."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return [each for each in every if each is not None]


def type_parameters(parameters: list[ast.AST]) -> set[str]:
    """The names of ``[T]``."""
    return {str(getattr(each, "name")) for each in parameters}  # noqa: B009  # mypy of 3.11 does not know the classes


def targets(node: ast.expr) -> Iterator[str]:
    """The names that an assignment to a target binds."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id


def bound_in(body: Iterable[ast.AST]) -> tuple[set[str], set[str]]:
    """The names a function's body binds, and those it declares global."""
    bound: set[str] = set()
    declared: set[str] = set()
    outer: set[str] = set()
    nodes = list(body)
    while nodes:
        node = nodes.pop()
        match node:
            case ast.Global():
                declared.update(node.names)
            case ast.Nonlocal():
                outer.update(node.names)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                bound.add(node.name)
                nodes += node.decorator_list
                if isinstance(node, ast.ClassDef):
                    nodes += [*node.bases, *node.keywords]
                else:
                    nodes += [*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)]
                continue
            case ast.Lambda():
                nodes += [*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)]
                continue
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                # Its targets are its own; what := binds in it is the function's.
                nodes += [each for each in ast.walk(node) if isinstance(each, ast.NamedExpr)]
                nodes.append(node.generators[0].iter)
                continue
            case ast.Name(ctx=ast.Store() | ast.Del()):
                bound.add(node.id)
            case ast.Import() | ast.ImportFrom():
                bound.update(alias.asname or alias.name.split(".")[0] for alias in node.names)
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
                if node.name is not None:
                    bound.add(node.name)
            case ast.MatchMapping():
                if node.rest is not None:
                    bound.add(node.rest)
        nodes += list(ast.iter_child_nodes(node))
    return bound - outer, declared
