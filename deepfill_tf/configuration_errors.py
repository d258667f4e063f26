"""One-line messages for the errors that gin raises."""

import difflib
import inspect
import re
import tokenize
from collections.abc import Callable, Iterable, Mapping, Sequence

import gin

# Types that gin raises for a file or a binding that it cannot understand.
GIN_ERRORS = (ValueError, SyntaxError, TypeError, AttributeError, tokenize.TokenError)
# Line length that breaks no binding into several lines.
_UNLIMITED = 10**6
# Text inside brackets that may lack its quotes, and what is no text.
_WORDS = re.compile(r"(?<![\w.])[A-Za-z_~/][\w./~-]*")
_LITERALS = ("True", "False", "None")


def binding_error(
    error: Exception, configurables: Mapping[str, Callable], bindings: Sequence[str] = ()
) -> str:
    """Returns one line that names the binding or the line of a file that an error comes from.

    Args:
      error: an error of parsing, or of a call of a configurable.
      configurables: all names that can be configured; the nearest one is suggested.
      bindings: the bindings that were parsed besides files.
    """
    text = str(error)
    line = re.search(r'In file "([^"]+)", line (\d+)', text)
    place = f" ({line[1]}, line {line[2]})" if line else " (--gin_param)"
    if isinstance(error, tokenize.TokenError):
        statement = " ".join(bindings)
        hint = _quoted(statement) if len(bindings) == 1 else ""
        return f"gin cannot read {statement or 'a file'!r}: {error.args[0]}{hint}"
    if isinstance(error, SyntaxError):
        statement = (error.text or "").strip()
        if error.filename:
            place = f" ({error.filename}, line {error.lineno})"
        elif bindings:
            statement = bindings[min(error.lineno or 1, len(bindings)) - 1]
        # The rest of gin's message shows the address of an object.
        message = re.sub(
            "malformed node or string.*", "malformed value", error.msg, flags=re.DOTALL
        )
        return f"gin cannot read {statement!r}: {message}{place}{_quoted(statement)}"
    if unknown := re.search(r"No configurable matching '([^']+)'", text):
        return f"{unknown[1]!r} cannot be configured{nearest(unknown[1], configurables)}{place}"
    if unknown := re.search(r"No configurable matching reference '@([^'(]+)", text):
        return f"there is no @{unknown[1]}{nearest(unknown[1], configurables)}{place}"
    if unknown := re.search(
        r"'([^']+)'.* (?:doesn't have|has no) a parameter named '([^']+)'", text
    ):
        known = configurables.get(unknown[1].rsplit(".", 1)[-1])
        parameters = inspect.signature(known).parameters if known else ()
        near = nearest(unknown[2], parameters)
        return f"{unknown[1]} has no parameter {unknown[2]!r}{near}{place}"
    if missing := re.search(
        r"(\w+)\.__init__\(\) missing .*required keyword-only argument.*?: (.*)", text
    ):
        return (
            f"{missing[1]} needs {missing[2]}: pass a complete config first, such as "
            "--gin_file=quickstart.gin"
        )
    if missing := re.search(
        r"Required bindings for `([^`]+)` not provided in config: (\[.*?\])", text
    ):
        return f"{missing[1]} needs {missing[2]}: set them with --gin_param or in a gin file"
    first = next((line.strip() for line in text.splitlines() if line.strip()), repr(error))
    return _with_configurable(first, error) + (place if line else "")


def _quoted(statement: str) -> str:
    """Returns the statement with quotes that its value may lack, such as a shell removes."""
    unquoted = re.fullmatch(r"([\w./]+)\s*=\s*([^\"'@%]+)", statement)
    if unquoted is None:
        return ""
    name, value = unquoted.groups()
    if value[0] not in "[({":
        quoted = f'"{value.strip()}"'
    elif value.strip()[-1] in "])}":
        quoted = _WORDS.sub(lambda word: word[0] if word[0] in _LITERALS else f'"{word[0]}"', value)
    else:  # the closing bracket is what is missing
        return ""
    return f"; text has quotes: --gin_param='{name}={quoted}'"


def first_line(error: Exception) -> str:
    """Returns what an error says, without the lines that gin and TensorFlow add to it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("In call to", "in user code", "•"))]
    line = lines[0] if lines and not lines[0].startswith("File ") else (lines or [repr(error)])[-1]
    return _with_configurable(line, error)


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns "; did you mean 'x'?" with the name nearest to `name`, or "" if none is near."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _with_configurable(line: str, error: Exception) -> str:
    """Puts the configurable and its bindings beside a line that does not name it."""
    call = re.search(r"In call to configurable '(\w+)'", str(error))
    if call is None or call[1] in line:
        return line
    bound = re.findall(rf"^{call[1]}\.\w+ = .+$", gin.config_str(_UNLIMITED), re.MULTILINE)
    named = [binding for binding in bound if binding.split(" = ", 1)[1].strip("'\"") in line]
    return f"{call[1]}: {line}" + (f" ({', '.join(named or bound)})" if bound else "")
