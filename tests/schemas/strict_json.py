"""The rules on the text of schemas/README.md, read anew: nothing here looks at the worker's code."""

import json
import math

DEPTH_MAX = 64
NUMBER_LENGTH_MAX = 63


class NotStrict(Exception):
    """The text breaks a rule; the message says which."""


def _depth(text):
    deepest = depth = 0
    in_string = escaped = False
    for c in text:
        if in_string:
            if escaped:
                escaped = False
            elif c == "\\":
                escaped = True
            elif c == '"':
                in_string = False
        elif c == '"':
            in_string = True
        elif c in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in "]}":
            depth -= 1
    return deepest


def _string(text):
    if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise NotStrict("a lone surrogate")
    if "\0" in text:
        raise NotStrict("NUL")


def _number(read):
    def parse(digits):
        if len(digits) > NUMBER_LENGTH_MAX:
            raise NotStrict("a long number")
        if math.isinf(float(digits)):
            raise NotStrict("a number that no double holds")
        return read(digits)

    return parse


def _pairs(pairs):
    members = {}
    for name, value in pairs:
        _string(name)
        if name in members:
            raise NotStrict("a name given twice")
        members[name] = value
    return members


def _constant(word):
    raise NotStrict(word)


def _strings(value):
    if isinstance(value, str):
        _string(value)
    elif isinstance(value, list):
        for item in value:
            _strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            _strings(item)


def parse(data):
    """The value of the bytes, or NotStrict."""
    try:
        text = data.decode("utf-8", errors="strict")
    except UnicodeDecodeError as error:
        raise NotStrict("not UTF-8") from error
    if _depth(text) > DEPTH_MAX:
        raise NotStrict("nested too deeply")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_int=_number(int),
            parse_float=_number(float),
            parse_constant=_constant,
        )
    except ValueError as error:
        raise NotStrict(str(error)) from error
    _strings(value)
    return value
