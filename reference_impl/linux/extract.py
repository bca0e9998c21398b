# SPDX-License-Identifier: GPL-2.0-only
"""Take functions out of a kernel tree by name, with all that they need.

The files are parsed; nothing is found by line number. What a function names (functions, types,
macros, constants) is taken too if one of the files defines it, and what that names, and so on. A
structure that is only pointed to is declared and not defined, unless a function that was taken
reads a member of that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

import tree_sitter_c
from tree_sitter import Language, Node, Parser

from .errors import LinuxError

CORE = "drivers/iommu/iommu.c"
FILES = (CORE, "drivers/iommu/iommu-priv.h", "include/linux/iommu.h")
"""Where definitions are looked for; the first that has a name wins."""

CONFIGURED = frozenset(
    f"CONFIG_{name}" for name in ("IOMMU_API", "PCI_PASID", "INTEL_IOMMU", "INTEL_IOMMU_SVM")
)
"""The options that are set; what a tree has for all others is not taken."""

ELSEWHERE = frozenset({"list_head", "hlist_head", "hlist_node", "rcu_head", "xarray"})
"""Structures that the tree's user-space headers define."""

WORD = re.compile(r"[A-Za-z_]\w*")
MEMBER = re.compile(r"(?:->|\.)\s*(\w+)")
LOCKS = re.compile(r"\b__(?:must_hold|guarded_by|acquires|releases|cond_acquires)\s*\([^()]*\)")
"""What sparse and clang are told of locks; a parser of C takes it for something else."""
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
TAGGED = ("struct_specifier", "union_specifier", "enum_specifier")


@dataclass
class Item:
    """One definition."""

    kind: str
    """``"function"``, ``"type"``, ``"macro"`` or ``"variable"``."""
    name: str
    file: str
    line: int
    text: str
    head: str = ""
    """A function's declaration, without the body."""
    names: set[str] = field(default_factory=set)
    """What it cannot be compiled without; structures and enumerations as ``"struct x"``."""
    mentions: set[str] = field(default_factory=set)
    """The structures that it only points to."""
    reads: set[str] = field(default_factory=set)
    """The members that a function names."""
    members: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    """The members of a structure; of those that are functions, the types of the arguments."""
    parameters: tuple[str, ...] = ()
    """The types of a function's arguments."""


@dataclass
class Extracted:
    """Definitions that together can be compiled."""

    items: list[Item]
    structures: set[str]
    """Every structure that is mentioned, defined or not."""
    stubs: set[str]
    """Those that are part of another and defined nowhere."""

    def named(self, name: str) -> Item | None:
        """The definition of that name."""
        return next((item for item in self.items if item.name == name), None)

    def source(self) -> str:
        """All of it as one piece of C, in an order that compiles."""
        parts = [f"{tag};" for tag in sorted(self.structures) if not tag.startswith("enum")]
        parts += [f"{tag} {{ long unused; }};" for tag in sorted(self.stubs)]
        by_kind: dict[str, list[Item]] = {}
        for item in self.items:
            by_kind.setdefault(item.kind, []).append(item)
        for kind in ("macro", "type"):
            parts += [_placed(item, item.text) for item in by_kind.get(kind, ())]
        functions = by_kind.get("function", [])
        parts += [f"{item.head};" for item in functions]
        parts += [_placed(item, item.text) for item in by_kind.get("variable", ())]
        parts += [_placed(item, item.text) for item in functions]
        return "\n".join(parts) + "\n"


def _placed(item: Item, text: str) -> str:
    """A text that the compiler's messages place where it stands in the tree."""
    return f'#line {item.line} "{item.file}"\n{text}'


@cache
def parser() -> Parser:
    """The parser of C."""
    return Parser(Language(tree_sitter_c.language()))


class Definitions:
    """All that some files define, by name.

    Args:
        texts: the files' texts by their names, the most important first.
    """

    def __init__(self, texts: dict[str, str]) -> None:
        self.items: dict[str, Item] = {}
        self.place = {file: number for number, file in enumerate(reversed(texts))}
        for file, text in texts.items():
            for name, item in _defined(file, text):
                known = self.items.setdefault(name, item)
                if known.kind == item.kind == "variable" and "=" not in known.text:
                    self.items[name] = item  # that one was only announced

    def closure(self, roots: Iterable[str], given: frozenset[str]) -> Extracted:
        """The definitions of *roots* and of all that they need.

        Args:
            roots: names; those that nobody defines are left out.
            given: what is there already and is not taken from the tree.
        """
        taken: dict[int, Item] = {}
        mentioned: set[str] = set()
        needed: set[str] = set()
        queue = list(roots)
        while queue:
            while queue:
                name = queue.pop()
                item = self.items.get(name)
                if name in given:
                    continue
                needed.add(name)
                if item is None or id(item) in taken:
                    continue
                taken[id(item)] = item
                mentioned |= item.mentions
                queue += item.names
            read = set[str]().union(*(item.reads for item in taken.values()))
            queue += [
                tag
                for tag in mentioned
                if tag in self.items
                and id(self.items[tag]) not in taken
                and read & self.items[tag].members.keys()
            ]
        tags = {n for n in needed | mentioned if n.startswith(("struct ", "union ", "enum "))}
        by_value = {
            n
            for item in taken.values()
            if item.kind == "type"
            for n in item.names
            if n.startswith(("struct ", "union "))
        }
        known = given | {f"struct {n}" for n in ELSEWHERE}
        stubs = {n for n in by_value if n not in self.items and n not in known}
        return Extracted(self._ordered(list(taken.values())), tags, stubs)

    def _ordered(self, items: list[Item]) -> list[Item]:
        """Types after the types that they consist of; the rest as it stands in the files."""
        items.sort(key=lambda item: (self.place[item.file], item.line))
        wanted, done, ordered = {id(item) for item in items}, set[int](), list[Item]()

        def put(item: Item) -> None:
            if id(item) in done or id(item) not in wanted:
                return
            done.add(id(item))
            for name in sorted(item.names):
                known = self.items.get(name)
                if item.kind == "type" and known and known.kind == "type":
                    put(known)
            ordered.append(item)

        for item in items:
            put(item)
        return ordered


@lru_cache(maxsize=64)
def _defined(file: str, text: str) -> list[tuple[str, Item]]:
    """What a file defines, each under every name that it has."""
    text = LOCKS.sub(lambda found: " " * len(found[0]), text)
    root = parser().parse(text.encode()).root_node
    return [
        (name, item)
        for first_choice in (True, False)
        for node in _outermost(root, first_choice)
        for item in _read(node, file)
        for name in _names_of(item, node)
    ]


def _outermost(node: Node, first_choice: bool) -> Iterator[Node]:
    """The definitions outside of all others: those that are compiled, or the other ones.

    What is compiled depends on the configuration (:data:`CONFIGURED`); what a tree without that has
    instead is never taken.
    """
    for child in node.children:
        if child.type == "ERROR" or child.type == "linkage_specification":
            yield from _outermost(child, first_choice)
        elif child.type in ("preproc_if", "preproc_ifdef"):
            is_set, alternative = _is_set(child), child.child_by_field_name("alternative")
            if is_set is not False:
                yield from _outermost(child, first_choice)
            elif not first_choice:
                yield from _outermost(child, True)
                yield from _outermost(child, False)
            if alternative and not is_set:
                yield from _outermost(alternative, first_choice)
        elif child.type not in ("preproc_else", "preproc_elif") and first_choice:
            yield child


def _is_set(node: Node) -> bool | None:
    """Whether a conditional part is compiled; None if that is no matter of configuration."""
    line = _text(node).partition("\n")[0]
    options = set(re.findall(r"\bCONFIG_\w+", line))
    if not options:
        return None
    return (options <= CONFIGURED) != ("!" in line or line.startswith("#ifndef"))


def _read(node: Node, file: str) -> Iterator[Item]:
    """The definition that a node is, if it is one."""
    line, text = node.start_point[0] + 1, _text(node)
    kind = node.type
    if kind == "function_definition":
        declarator, body = _function_declarator(node), node.child_by_field_name("body")
        name = _declared(declarator) if declarator else None
        if declarator is None or body is None or name is None:
            return
        item = Item("function", name, file, line, _instrumented(node))
        raw = node.text or b""
        item.head = raw[: body.start_byte - node.start_byte].decode().rstrip()
        item.parameters = _parameters(declarator)
        _gather(node, item, inside_function=True)
        item.names.discard(name)
        yield item
    elif kind in TAGGED and node.child_by_field_name("body"):
        item = Item("type", "", file, line, f"{text};")
        tag = node.child_by_field_name("name")
        if tag:
            item.name = f"{kind.partition('_')[0]} {_text(tag)}"
        _gather(node, item)
        item.names.discard(item.name)
        item.members = _members(node)
        yield item
    elif kind == "type_definition":
        declared = [_declared(n) for n in node.children_by_field_name("declarator")]
        item = Item("type", declared[0] or "" if declared else "", file, line, text)
        _gather(node, item)
        item.names.discard(item.name)
        yield item
    elif kind in ("preproc_def", "preproc_function_def"):
        tag = node.child_by_field_name("name")
        if tag:
            item = Item("macro", _text(tag), file, line, text.rstrip("\n"))
            code = COMMENT.sub(" ", text)
            words = WORD.findall(MEMBER.sub(" ", code))
            item.names = set(words) - {item.name, *_arguments(node)}
            item.names |= {f"struct {n}" for n in re.findall(r"\bstruct\s+(\w+)", code)}
            item.reads = set(MEMBER.findall(code))
            yield item
    elif kind == "expression_statement" and text.startswith("DEFINE_"):  # without "static"
        _, *names = [_text(each) for each in _all(node, ("identifier",))]
        if names:
            yield Item("variable", names[0], file, line, text)
    elif kind == "declaration" and not _function_declarator(node):
        declared = [_declared(n) for n in node.children_by_field_name("declarator")]
        if declared and declared[0] and "extern" not in text.split():
            item = Item("variable", declared[0], file, line, text)
            _gather(node, item, inside_function=True)
            item.names.discard(item.name)
            yield item


def _arguments(macro: Node) -> list[str]:
    listed = macro.child_by_field_name("parameters")
    return [_text(each) for each in _all(listed, ("identifier",))] if listed else []


def _names_of(item: Item, node: Node) -> Iterator[str]:
    if item.name:
        yield item.name
    if item.kind == "type":  # a constant is defined by its enumeration
        for each in _all(node, ("enumerator",)):
            name = each.child_by_field_name("name")
            if name:
                yield _text(name)


def _gather(node: Node, item: Item, inside_function: bool = False) -> None:
    """Find what a definition names."""
    for each in _all(node, ("identifier", "type_identifier", "field_identifier", *TAGGED)):
        if each.type in TAGGED:
            tag = each.child_by_field_name("name")
            if tag is None or each.child_by_field_name("body"):
                continue
            name = f"{each.type.partition('_')[0]} {_text(tag)}"
            weak = not inside_function and _points(each)
            (item.mentions if weak else item.names).add(name)
        elif each.type == "field_identifier":
            if inside_function:
                item.reads.add(_text(each))
        elif each.parent is None or each.parent.type not in TAGGED:
            item.names.add(_text(each))


def _points(specifier: Node) -> bool:
    """Whether a type is only pointed to, or only an argument or result, where it is named."""
    parent = specifier.parent
    if parent is None:
        return False
    if parent.type == "parameter_declaration":
        return True
    declarators = parent.children_by_field_name("declarator")
    if parent.type == "type_descriptor":
        return bool(declarators)
    return bool(declarators) and all(
        d.type in ("pointer_declarator", "function_declarator", "abstract_pointer_declarator")
        for d in declarators
    )


def _members(node: Node) -> dict[str, tuple[str, ...] | None]:
    found: dict[str, tuple[str, ...] | None] = {}
    for declaration in _all(node, ("field_declaration",)):
        for declarator in declaration.children_by_field_name("declarator"):
            name = _declared(declarator)
            if name:
                function = next(iter(_all(declarator, ("function_declarator",))), None)
                found[name] = _parameters(function) if function else None
    return found


def _parameters(declarator: Node) -> tuple[str, ...]:
    listed = declarator.child_by_field_name("parameters")
    found = []
    for each in listed.named_children if listed else ():
        if each.type != "parameter_declaration":
            continue
        kind, pointer = each.child_by_field_name("type"), each.child_by_field_name("declarator")
        stars = _text(pointer).count("*") if pointer else 0
        found.append(f"{' '.join(_text(kind).split()) if kind else ''}{' ' + '*' * stars}".strip())
    return tuple(found)


def _function_declarator(node: Node) -> Node | None:
    inner = node.child_by_field_name("declarator")
    while inner is not None and inner.type != "function_declarator":
        inner = inner.child_by_field_name("declarator")
    return inner


def _declared(node: Node | None) -> str | None:
    """The name that a declarator declares."""
    while node is not None:
        if node.type in ("identifier", "field_identifier", "type_identifier"):
            return _text(node)
        inner = node.child_by_field_name("declarator")
        if inner is None and node.type == "parenthesized_declarator" and node.named_children:
            inner = node.named_children[0]
        node = inner
    return None


def _instrumented(node: Node) -> str:
    """A function's text; behind each assignment to a member ``domain`` is said whose it is."""
    raw, start = node.text or b"", node.start_byte
    for each in reversed(list(_all(node, ("assignment_expression",)))):
        left, parent = each.child_by_field_name("left"), each.parent
        if left is None or left.type != "field_expression" or parent is None:
            continue
        whose, member = left.child_by_field_name("argument"), left.child_by_field_name("field")
        if parent.type != "expression_statement" or whose is None or member is None:
            continue
        operator = each.child_by_field_name("operator")
        is_plain = operator is not None and operator.type == "=" and b"->" in (left.text or b"")
        if is_plain and member.text == b"domain" and whose.type == "identifier":
            first, last = each.start_byte - start, each.end_byte - start
            said = b"(" + raw[first:last] + b", SHIM_WROTE(" + (whose.text or b"") + b"))"
            raw = raw[:first] + said + raw[last:]
    return raw.decode()


def _all(node: Node, types: tuple[str, ...]) -> Iterator[Node]:
    """The nodes of these types, in the order of the text."""
    if node.type in types:
        yield node
    for child in node.children:
        yield from _all(child, types)


def _text(node: Node) -> str:
    return (node.text or b"").decode()


def read(tree: Path, files: Iterable[str] = FILES) -> dict[str, str]:
    """The texts of the files in which definitions are looked for.

    Raises:
        LinuxError: one is not there or is no text.
    """
    texts = {}
    for name in files:
        try:
            text = (tree / name).read_bytes().decode()
        except OSError as error:
            if name.endswith("iommu-priv.h") and isinstance(error, FileNotFoundError):
                continue  # it came with 6.5
            raise LinuxError(
                f"{tree} has no {name} that can be read ({error.strerror}); "
                "a whole kernel tree has one"
            ) from None
        except UnicodeDecodeError:
            raise LinuxError(f"{tree / name} is no text file") from None
        if "\r\n" in text:
            raise LinuxError(
                f"{tree / name} has Windows line ends; check the tree out with Linux ones "
                "(git config core.autocrlf false)"
            )
        texts[name] = text
    return texts
