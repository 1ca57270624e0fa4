"""Whether running a statement again, in another process, makes the same value: then it is taken as text."""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass

from .cells import is_command
from .statements import END, Statement, Statements

__all__ = ["Impurity", "can_be_set", "impurity"]


@dataclass(frozen=True, slots=True)
class Impurity:
    """Why a value cannot be made again from text.

    Attributes:
        line: Where in the cell.
        reason: ``"open('rows.csv')"``, what is called there.
        kind: ``"call"``, a live object or a value of the moment; ``"command"``, a magic; ``"await"``; ``"iterator"``;
            ``"moment"``, drawn from random numbers.
    """

    line: int
    reason: str
    kind: str = "call"


_BUILTINS = frozenset(
    "abs all any ascii bin bool bytearray bytes callable chr complex dict divmod enumerate filter float format globals "
    "frozenset getattr hasattr hash hex int isinstance issubclass iter len list map max memoryview min next object oct "
    "ord pow print property range repr reversed round set slice sorted staticmethod classmethod str sum tuple "
    "type zip super setattr delattr ArithmeticError Exception KeyError RuntimeError TypeError ValueError".split()
)
# Functions of libraries that give the same for the same: whole modules end in a dot.
_PURE = tuple(
    """
    abc. ast.literal_eval attr. attrs. base64. binascii. bisect. builtins. calendar. cmath. collections. colorsys.
    contextlib. contextvars.ContextVar copy. csv.DictReader csv.reader dataclasses. datetime.date datetime.datetime
    datetime.time datetime.timedelta datetime.timezone decimal. enum. fractions. functools. hashlib. html.
    inspect.cleandoc io.BytesIO io.StringIO ipaddress. itertools. json.dumps json.loads keyword. logging.getLogger
    math. msgspec. numbers. numpy. operator. os.environ.get os.fspath os.getenv os.linesep. os.path.basename
    os.path.dirname os.path.join os.path.splitext os.sep. pathlib.Path pathlib.PosixPath pathlib.PurePath
    pathlib.PurePosixPath pydantic. re. statistics. string. struct. sys.platform. textwrap. time.strptime
    time.struct_time tinyflow_jupyter. tinyflow_runtime. tomllib.loads types. typing. typing_extensions.
    unicodedata. urllib.parse. uuid.UUID uuid.uuid3 uuid.uuid5 warnings. yaml.safe_load zlib. zoneinfo.ZoneInfo
    """.split()
)
_NOT = frozenset(
    "tinyflow_jupyter.Flow tinyflow_jupyter.Cluster tinyflow_jupyter.Project tinyflow_jupyter.Cluster.local "
    "tinyflow_jupyter.Flow.from_yaml inspect.currentframe statistics.NormalDist.samples numpy.fromfile "
    "numpy.genfromtxt numpy.loadtxt numpy.memmap numpy.save numpy.savetxt numpy.savez".split()
)
# Begin anew with their seed, as a counter does; what the notebook drew from one is a value of its moment.
_SEEDED = frozenset({"numpy.random.default_rng", "numpy.random.RandomState", "random.Random"})
_ITERATORS = frozenset("enumerate filter iter map reversed zip".split())
# Methods that read or change what is outside; dict.get is none of them.
_OUTSIDE = frozenset(
    "absolute connect cwd cursor execute exists fetch fit glob input is_dir is_file iterdir load mkdir "
    "now open predict read read_bytes read_csv read_text readline readlines recv rename resolve result rglob rmdir run "
    "samefile send start stat submit today touch unlink utcnow write write_bytes write_text".split()
)
_DATA_BASES = frozenset(
    "NamedTuple TypedDict Enum IntEnum StrEnum Flag IntFlag BaseModel Struct Protocol Exception ValueError str int "
    "float tuple frozenset dict list bytes".split()
)
_DATA_DECORATORS = frozenset("dataclass dataclasses define frozen attrs s attributes total_ordering".split())


def impurity(statement: Statement, statements: Statements) -> Impurity | None:
    """Why the names that a statement binds cannot be made again; None when they can."""
    node = statement.node
    if statement.is_definition or statement.aliases or isinstance(node, ast.Module):
        return None
    found = _Looking(statements, statement.index).at(node)
    if found is None and isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        found = _iterator(node.value, statements, statement.index)
    return found


def can_be_set(statement: Statement, statements: Statements) -> bool:
    """Whether what a statement sets in a library can be set again: ``random.seed(7)``, not ``random.seed(time())``."""
    node = statement.node
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        return _Looking(statements, statement.index)._first([*call.args, *call.keywords]) is None
    return impurity(statement, statements) is None


def _iterator(node: ast.expr, statements: Statements, before: int) -> Impurity | None:
    """An iterator is used up: a copy of it that begins anew is another thing."""
    if isinstance(node, ast.GeneratorExp):
        return Impurity(node.lineno, _short(node), "iterator")
    if isinstance(node, ast.Call):
        name = _Looking(statements, before).dotted(node.func)
        if name in {f"builtins.{each}" for each in _ITERATORS} or name.startswith("itertools."):
            return Impurity(node.lineno, _short(node), "iterator")
    return None


class _Looking:
    """A walk over what runs at once."""

    def __init__(
        self, statements: Statements, before: int, local: frozenset[str] = frozenset(), depth: int = 0
    ) -> None:
        self._statements = statements
        self._before = before
        self._local = local  # names of the function that is looked at
        self._depth = depth

    def at(self, node: ast.AST) -> Impurity | None:
        """The first thing at or in a node that must not be run again."""
        if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
            return Impurity(node.lineno, _short(node), "await")
        if isinstance(node, ast.Call):
            if found := self._call(node):
                return found
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            arguments = [*node.args.defaults, *(each for each in node.args.kw_defaults if each is not None)]
            return self._first(arguments)
        elif isinstance(node, ast.ClassDef):  # what a class makes in its body is its own
            return None
        return self._first(ast.iter_child_nodes(node))

    def _first(self, nodes: object) -> Impurity | None:
        for node in nodes:  # type: ignore[attr-defined]  # an iterable of nodes
            if found := self.at(node):
                return found
        return None

    def _call(self, node: ast.Call) -> Impurity | None:
        if is_command(node):
            return Impurity(node.lineno, _short(node), "command")
        function = node.func
        if isinstance(function, ast.Name) and function.id in self._local:
            return None
        name = self.dotted(function)
        if name:
            if name.startswith("builtins."):
                return None if name.removeprefix("builtins.") in _BUILTINS else Impurity(node.lineno, _short(node))
            method = name.rpartition(".")[2]
            pure = any(name == each or (each.endswith(".") and name.startswith(each)) for each in _PURE)
            of_pure = any(name.startswith(f"{each}.") for each in _PURE if not each.endswith("."))  # date.fromisoformat
            if name in _SEEDED and (node.args or node.keywords):
                return None
            outside = name in _NOT or name.startswith("numpy.random.") or method in _OUTSIDE
            if outside or not (pure or of_pure):
                return Impurity(node.lineno, _short(node))
            return None
        if isinstance(function, ast.Name):
            return self._own(function, node)
        if isinstance(function, ast.Attribute):
            if self._is_seeded(function.value):
                return Impurity(node.lineno, _short(node), "moment")
            return Impurity(node.lineno, _short(node)) if function.attr in _OUTSIDE else None
        return None

    def _is_seeded(self, node: ast.expr) -> bool:
        """Whether an expression is a generator of random numbers: what it draws hangs on what was drawn before."""
        if isinstance(node, ast.Name) and node.id not in self._local:
            made = self._statements.binding(node.id, self._before)
            if made is not None and isinstance(made.node, (ast.Assign, ast.AnnAssign)) and made.node.value is not node:
                return made.node.value is not None and self._is_seeded(made.node.value)
        return isinstance(node, ast.Call) and self.dotted(node.func) in _SEEDED

    def _own(self, function: ast.Name, node: ast.Call) -> Impurity | None:
        """A function or class of the notebook's own is called."""
        made = self._statements.binding(function.id, self._before)
        if made is None:
            made = self._statements.binding(function.id)
        if made is None or self._depth > 20:  # a name that is nowhere is told of elsewhere
            return None
        if isinstance(made.node, ast.ClassDef):
            return None if _is_data(made.node, self._statements, made.index) else Impurity(node.lineno, _short(node))
        if isinstance(made.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            within = made.node
            local = frozenset(
                each.id if isinstance(each, ast.Name) else each.arg
                for each in ast.walk(within)
                if (isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)) or isinstance(each, ast.arg)
            ) | {
                each.name
                for each in ast.walk(within)
                if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)) and each is not within
            }
            found = _Looking(self._statements, END, local, self._depth + 1)._first(within.body)
            if found is not None:
                return Impurity(node.lineno, _short(node), found.kind)
        return None

    def dotted(self, node: ast.expr) -> str:
        """The full name of what an expression names, when it begins with an import or is a builtin; empty otherwise."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in self._local:
            return ""
        made = self._statements.binding(node.id, self._before)
        if made is None and (self._depth or not hasattr(builtins, node.id)):
            made = self._statements.binding(node.id)  # bound in the block that is looked at, or later
        if made is None:
            return "" if parts else f"builtins.{node.id}"
        for alias in made.aliases:
            if alias.name == node.id:
                return ".".join([alias.target, *reversed(parts)])
        if isinstance(made.node, (ast.Try, ast.If)):  # try: import a as x, except ImportError: import b as x
            for each in ast.walk(made.node):
                if isinstance(each, (ast.Import, ast.ImportFrom)):
                    for given in each.names:
                        if (given.asname or given.name.split(".")[0]) == node.id:
                            home = f"{each.module}." if isinstance(each, ast.ImportFrom) else ""
                            return ".".join([f"{home}{given.name}", *reversed(parts)])
        return ""


def _is_data(node: ast.ClassDef, statements: Statements, before: int, depth: int = 0) -> bool:
    """Whether an instance of a class is its fields, as that of a dataclass is."""
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if _last(called) in _DATA_DECORATORS:
            return True
    if not node.bases and not any(isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)) for each in node.body):
        return True  # names for values, and nothing that could hold more
    for base in node.bases:
        base = base.value if isinstance(base, ast.Subscript) else base
        if _last(base) in _DATA_BASES:
            return True
        if isinstance(base, ast.Name) and depth < 20:
            made = statements.binding(base.id, before)
            if made is not None and isinstance(made.node, ast.ClassDef):
                if _is_data(made.node, statements, made.index, depth + 1):
                    return True
    return False


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:57]}…"
