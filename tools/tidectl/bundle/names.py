"""Which names of the firmware may become shorter, and what they become."""

import ast
import asyncio
import builtins
import collections
import errno
import gc
import hashlib
import io
import json
import os
import re
import select
import socket
import ssl
import struct
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import count, islice

from tidectl.bundle.module import Module

_WORD = re.compile(r"[A-Za-z_]\w*")
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_PRIVATE = re.compile(r"_[A-Za-z]\w*(?<!__)")
# What CPython's modules of the same names lack.
_OF_MICROPYTHON = (
    "const", "sleep_ms", "wait_for_ms", "ThreadSafeFlag", "ticks_ms", "ticks_us", "ticks_add",
    "ticks_diff", "mem_alloc", "mem_free", "threshold", "queue_read", "queue_write", "cur_task",
    "push_head", "push_sorted", "readinto", "into", "mount", "umount", "ilistdir", "statvfs",
    "readblocks", "writeblocks", "ioctl", "readfrom_mem_into", "writeto_mem", "readbit",
    "writebit", "readbyte", "writebyte", "irq", "datetime", "unique_id", "reset_cause", "active",
    "isconnected", "ifconfig", "status", "config", "scan", "feed", "init", "deinit", "freq",
    "duty", "value", "on", "off", "toggle", "read_u16", "read_uv", "get_blob", "set_blob",
    "get_i32", "set_i32", "erase_key", "commit", "find", "info", "get_update", "set_boot",
    "get_next_update", "mark_app_valid_cancel_rollback", "disable", "enable", "memory",
)  # fmt: skip
# Names of MicroPython's own, most of which every VM holds.
_VM_WORDS = frozenset({
    "append", "bytecode", "center", "clear", "close", "copy", "count", "decode", "dict", "encode",
    "end", "endswith", "eval", "exec", "extend", "find", "flush", "format", "from_bytes", "get",
    "globals", "index", "insert", "isalpha", "isdigit", "islower", "isspace", "isupper", "items",
    "join", "key", "keys", "little", "locals", "lower", "lstrip", "partition", "pop", "popitem",
    "read", "readinto", "readline", "remove", "replace", "reverse", "rfind", "rindex",
    "rpartition", "rsplit", "rstrip", "send", "sep", "setdefault", "sort", "split", "splitlines",
    "start", "startswith", "step", "stop", "strip", "to_bytes", "update", "upper", "values",
    "write", "accept", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "chdir",
    "cos", "cosh", "crc32", "degrees", "deque", "erf", "erfc", "exp", "expm1", "fabs", "floor",
    "fmod", "frexp", "gamma", "getcwd", "heapify", "heappop", "heappush", "hexlify", "isfinite",
    "isinf", "iterable", "ldexp", "lgamma", "listen", "localtime", "log10", "log2", "makefile",
    "mktime", "modf", "opt_level", "popleft", "radians", "randint", "randrange", "rmdir", "seek",
    "sendto", "sinh", "sizeof", "sqrt", "stack_use", "tanh", "tell", "trunc", "uniform",
    "unhexlify", "unregister", "urandom",
    # Of modules that no board of ours imports: framebuf, uctypes, cryptolib, deflate.
    "AUTO", "BFINT16", "BFINT32", "BFINT8", "BFUINT16", "BFUINT32", "BFUINT8", "BF_LEN", "BF_POS",
    "BIG_ENDIAN", "DeflateIO", "FLOAT32", "FLOAT64", "FrameBuffer", "GS2_HMSB", "GS4_HMSB", "GS8",
    "GZIP", "INT16", "INT32", "INT64", "INT8", "LITTLE_ENDIAN", "LONGLONG", "MONO_HLSB",
    "MONO_HMSB", "MONO_VLSB", "MVLSB", "NATIVE", "PTR", "RAW", "RGB565", "SHORT", "UINT", "UINT16",
    "UINT32", "UINT64", "UINT8", "ULONG", "ULONGLONG", "USHORT", "VOID", "ZLIB", "addressof", "aes",
    "blit", "bytearray_at", "bytes_at", "decrypt", "ellipse", "encrypt", "fill", "fill_rect",
    "hline", "invert", "line", "phase", "pixel", "polar", "poly", "rect", "scroll", "vline",
    # Of modules that every board has, and of asyncio, which lies in the VM itself.
    "EACCES", "EADDRINUSE", "EAGAIN", "EALREADY", "EBADF", "ECONNABORTED", "ECONNREFUSED",
    "EHOSTUNREACH", "EINVAL", "EIO", "EISDIR", "ENOBUFS", "ENODEV", "ENOMEM", "ENOTCONN",
    "EOPNOTSUPP", "EPERM", "POLLERR", "POLLHUP", "POLLIN", "POLLOUT", "ipoll", "AF_INET6",
    "SOCK_RAW", "SOL_SOCKET", "SO_BROADCAST", "IP_ADD_MEMBERSHIP", "difference",
    "difference_update", "intersection", "intersection_update", "isdisjoint", "issubset",
    "issuperset", "symmetric_difference", "symmetric_difference_update", "union", "discard",
    "getter", "setter", "deleter", "calcsize", "pack_into", "unpack_from", "buffering", "byteorder",
    "keepends", "maxsize", "newline", "encoding", "readlines", "heap_lock", "heap_unlock",
    "kbd_intr", "mem_current", "mem_info", "mem_peak", "mem_total", "native", "viper", "ptr",
    "ptr8", "ptr16", "ptr32", "uint", "qstr_info", "ViperTypeError", "version_info", "imag", "real",
    "complex", "cmath", "nan", "inf", "tan", "sha1", "getrandbits", "choice", "isenabled",
    "execfile", "mem8", "mem16", "mem32", "time_pulse_us", "soft_reset", "idle", "unlink",
    "errorcode", "ps1", "ps2", "call_exception_handler", "current_task",
    "default_exception_handler", "get_event_loop", "get_exception_handler", "main_task",
    "new_event_loop", "open_connection", "return_exceptions", "run_forever", "run_until_complete",
    "runq_len", "set_exception_handler", "wait_io_event", "waitq_len", "readexactly",
    "get_extra_info", "sgen", "poller", "backlog", "server_side", "exc_type", "callable",
    "classmethod", "delattr", "divmod", "hash", "hex", "issubclass", "oct", "reversed", "dict_view",
    "iterator", "closure", "bound_method", "generator", "abs_tol", "rel_tol", "isclose",
    "factorial", "stream_awrite", "aclose", "waiter", "ph_key", "coro", "pend_throw",
})  # fmt: skip
_MODULES = (
    asyncio, builtins, collections, errno, gc, hashlib, io, json, os, select, socket, ssl, struct,
    sys, time,
)  # fmt: skip
# The contracts of drivers, of the agent for a console, and of the start.
_LOOK_UPS = ("getattr", "hasattr", "setattr", "delattr", "__import__")
_CONTRACT = ("FIELDS", "OPTIONS", "create", "read", "begin", "running", "stats", "stop", "run")


def foreign_names() -> set[str]:
    """Return the names that a VM may know an attribute by; what is private to it is nobody's."""
    found = {*_OF_MICROPYTHON, *_CONTRACT}
    for module in _MODULES:
        for name, value in vars(module).items():
            found.add(name)
            if isinstance(value, type):
                found.update(dir(value))
    return {name for name in found if not _PRIVATE.fullmatch(name)}


def looked_up_names(tree: ast.AST) -> set[str]:
    """Return the names that the module looks something up by while it runs.

    They stand in texts: of a call that takes an attribute's name, and of what is done with a
    `__dict__`. An f-string's places are unknown: what stands in it stays as well.
    """
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name | ast.Attribute):
                    found.add(inner.id if isinstance(inner, ast.Name) else inner.attr)
        elif isinstance(node, ast.Call | ast.Subscript | ast.Compare) and _is_look_up(node):
            found.update(
                inner.value
                for inner in ast.walk(node)
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
            )
    return found


def _is_look_up(node: ast.Call | ast.Subscript | ast.Compare) -> bool:
    if isinstance(node, ast.Call):
        by_name = isinstance(node.func, ast.Name) and node.func.id in _LOOK_UPS
        return by_name or "__dict__" in ast.unparse(node.func)
    return "__dict__" in ast.unparse(node)


def names_in(tree: ast.AST) -> frozenset[str]:
    """Return all that the source of `tree` calls something by, within functions too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg | ast.keyword):
            found.add(node.arg or "")
        elif isinstance(node, ast.alias):
            found.update((node.name, *node.name.split("."), node.asname or ""))
        elif isinstance(node, ast.ImportFrom):
            found.update((node.module or "").split("."))
    return frozenset(found)


def attributes_known(source: str) -> frozenset[str]:
    """Return the public names by which the module `source` may know, or be asked for, attributes.

    Texts count, since one may be looked up by; a docstring does not, nor does a function's
    variable.
    """
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, _FUNCTION)]
    own = {node for function in functions for node in ast.walk(function)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.keyword):
            found.add(node.arg or "")
        elif isinstance(node, ast.alias):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node not in own:
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return frozenset(name for name in found if name.isidentifier() and not name.startswith("_"))


def fields_of(node: ast.AST) -> "list[ast.Constant]":
    """Return the names of the fields, where `node` is a call of namedtuple; else nothing."""
    if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "namedtuple"):
        return []
    fields = node.args[1]
    elements = fields.elts if isinstance(fields, ast.Tuple | ast.List) else [fields]
    found = [one for one in elements if isinstance(one, ast.Constant)]
    if len(found) < len(elements) or not all(str(one.value).isidentifier() for one in found):
        raise ValueError(f"line {node.lineno}: the fields of a namedtuple have to stand there")
    return found


def attributes_of(module: Module) -> set[str]:
    """Return the attributes that the classes of `module` define and nothing else assigns."""
    names = {str(field.value) for node in ast.walk(module.tree) for field in fields_of(node)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
        elif isinstance(node, ast.ClassDef):
            names.update(one.name for one in node.body if isinstance(one, _FUNCTION))
    return {name for name in names - _stored_by_name(module) if not name.startswith("__")}


def _stored_by_name(module: Module) -> set[str]:
    """Return what classes assign, which are names there, and what is decorated with (a setter)."""
    found = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef):
            methods = [one for one in node.body if isinstance(one, _FUNCTION)]
            found |= module.scopes[node].names - {one.name for one in methods}
            for method in methods:
                for decorator in method.decorator_list:
                    found |= _names_in(decorator)
    return found


def short_attributes(
    modules: Mapping[str, Module], kept: Iterable[str]
) -> dict[str, dict[str, str]]:
    """Return short names of attributes for each module: public ones alike in all of them.

    Private ones are private to their module, so that the same few do for all.
    """
    kept = set(kept).union(
        *[
            [name for name in _stored_by_name(module) if not _PRIVATE.fullmatch(name)]
            for module in modules.values()
        ]
    )
    defined = {name: attributes_of(module) - kept for name, module in modules.items()}
    public = {name for names in defined.values() for name in names if not _PRIVATE.fullmatch(name)}
    free = list(islice(short_names(modules), len(public) + max(map(len, defined.values()))))
    shared = dict(zip(sorted(public), free, strict=False))
    return {
        name: shared | dict(zip(sorted(names - public), free[len(public) :], strict=False))
        for name, names in defined.items()
    }


def short_names(modules: Mapping[str, Module]) -> Iterator[str]:
    """Yield names that cost the least: first words every VM holds and no module uses."""
    return names_but(words_in_use(modules))


def words_in_use(modules: Mapping[str, Module]) -> frozenset[str]:
    """Return what no name of any of `modules` may become."""
    return frozenset().union(*[_in_use(module.tree) for module in modules.values()])


def names_but(taken: Collection[str]) -> Iterator[str]:
    """Yield names that cost the least: first words every VM holds, without those `taken`."""
    yield from sorted(_VM_WORDS.difference(taken))
    yield from map("_{}".format, count())


def _in_use(tree: ast.AST) -> set[str]:
    """Return the names of a module and the words in its texts, but for what only people read."""
    notes = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in notes
    ]
    return {*names_in(tree), *_WORD.findall(" ".join(texts))}


def free_names(text: str) -> Iterator[str]:
    """Yield the same for the source `text`."""
    yield from names_but(set(_WORD.findall(text)))


def _names_in(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
