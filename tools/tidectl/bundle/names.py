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
from collections.abc import Iterable, Iterator, Mapping
from itertools import count, islice

from tidectl.bundle.module import Module

_WORD = re.compile(r"[A-Za-z_]\w*")
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
})  # fmt: skip
_MODULES = (
    asyncio, builtins, collections, errno, gc, hashlib, io, json, os, select, socket, ssl, struct,
    sys, time,
)  # fmt: skip
# The contracts of drivers, of the agent for a console, and of the start.
_CONTRACT = ("FIELDS", "OPTIONS", "create", "read", "begin", "running", "stats", "stop", "run")


def foreign_names() -> set[str]:
    """Return the names that a VM may know an attribute by."""
    found = {*_OF_MICROPYTHON, *_CONTRACT}
    for module in _MODULES:
        for name, value in vars(module).items():
            found.add(name)
            if isinstance(value, type):
                found.update(dir(value))
    return found


def quoted_names(tree: ast.AST) -> set[str]:
    """Return the words in texts of the module: a name may be looked up by one."""
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        word
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in notes
        for word in _WORD.findall(node.value)
    } | {
        # An f-string's places are unknown: what stands in it stays.
        node.id if isinstance(node, ast.Name) else node.attr
        for text in ast.walk(tree)
        if isinstance(text, ast.JoinedStr)
        for node in ast.walk(text)
        if isinstance(node, ast.Name | ast.Attribute)
    }


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


def words_of(text: str) -> frozenset[str]:
    """Return the public names in the source `text`."""
    return frozenset(word for word in _WORD.findall(text) if not word.startswith("_"))


def attributes_of(module: Module) -> set[str]:
    """Return the attributes that the classes of `module` define and nothing else assigns."""
    names: set[str] = set()
    assigned: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
        elif isinstance(node, ast.ClassDef):
            for statement in node.body:
                if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                    names.add(statement.name)
                    for decorator in statement.decorator_list:  # @level.setter
                        assigned.update(_names_in(decorator))
            # What a class assigns is stored by a name, not by an attribute.
            assigned |= module.scopes[node].names - names
    return {name for name in names - assigned if not name.startswith("__")}


def short_attributes(
    modules: Mapping[str, Module], kept: Iterable[str]
) -> dict[str, dict[str, str]]:
    """Return short names of attributes for each module: public ones alike in all of them.

    Private ones are private to their module, so that the same few do for all.
    """
    kept = set(kept)
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
    return free_names("\n".join(module.text for module in modules.values()))


def free_names(text: str) -> Iterator[str]:
    """Yield the same for the source `text`."""
    yield from sorted(_VM_WORDS - set(_WORD.findall(text)))
    yield from map("_{}".format, count())


def _names_in(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
