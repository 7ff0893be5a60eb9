"""A page that can be read without a server and without a script: every operation, its parameters, answers, examples."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from apidocs.operations import Json, Operation, operations

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }
h2 { margin-top: 3rem; border-bottom: 1px solid #d0d7de } h3 code { font-size: 1.05em }
code, pre { font-family: ui-monospace, monospace; font-size: .9em } a { color: #0550ae }
pre { background: #f6f8fa; padding: .8rem; overflow-x: auto; border-radius: .4rem }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .3rem .6rem; vertical-align: top }
td, th { border-bottom: 1px solid #d0d7de } .method { font-weight: 700 }
"""


def page(description: Json) -> str:
    info = description["info"]
    title = escape(f"{info['title']} {info['version']}: the REST API")
    return "\n".join([
        '<!DOCTYPE html>', '<html lang="en">', "<head>", '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title>", f"<style>{_STYLE}</style>", "</head>", "<body>",
        f"<h1>{title}</h1>", "<!-- Made by python -m apidocs; do not edit. -->",
        f"<p>{_text(info['description'])}</p>", *_contents(description), *_operations(description),
        *_schemas(description), *_refusals(description), "</body>", "</html>", "",
    ])


def _contents(description: Json) -> Iterator[str]:
    yield "<ul>"
    for one in operations(description):
        yield f'<li><a href="#{one.details["operationId"]}"><code>{one.method} {escape(one.path)}</code></a></li>'
    yield '<li><a href="#schemas">Schemas</a></li><li><a href="#refusals">Refusals</a></li>'
    yield "</ul>"


def _operations(description: Json) -> Iterator[str]:
    tag = None
    for one in operations(description):
        if one.details["tags"][0] != tag:
            tag = one.details["tags"][0]
            yield f"<h2>{escape(tag.replace('_', ' ').capitalize())}</h2>"
        yield from _operation(one)


def _operation(one: Operation) -> Iterator[str]:
    identity = one.details["operationId"]
    yield f'<h3 id="{identity}"><code><span class="method">{one.method}</span> {escape(one.path)}</code></h3>'
    yield f"<p>{_text(one.details['summary'])} {_text(one.details.get('description', 'For anyone.'))}</p>"
    if parameters := one.details.get("parameters"):
        yield "<table><tr><th>parameter</th><th>in</th><th>value</th><th></th></tr>"
        for each in parameters:
            yield (
                f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}</td>"
                f"<td><code>{escape(_shape(each['schema']))}</code></td><td>{_text(each.get('description', ''))}</td></tr>"
            )
        yield "</table>"
    for media in one.details.get("requestBody", {}).get("content", {}).values():
        yield f"<p>Body: <code>{escape(_shape(media['schema']))}</code></p>"
    status, answer = one.success
    kinds = ", ".join(f"{name}: {_shape(media['schema'])}" for name, media in answer.get("content", {}).items())
    yield f"<p>Answer: {status} <code>{escape(kinds)}</code>; else {_statuses(one)}</p>"
    yield f"<pre>{escape(_exchange(one, status))}</pre>"


def _statuses(one: Operation) -> str:
    return ", ".join(
        f'<a href="#refusal-{status}">{status}</a>' for status in one.details["responses"] if status[0] in "45"
    )


def _exchange(one: Operation, status: str) -> str:
    lines = [f"{one.method} {one.url}"]
    if one.body is not None:
        lines.append(json.dumps(one.body, ensure_ascii=False))
    lines += ["", status]
    if one.answer is not None:
        lines.append(json.dumps(one.answer, ensure_ascii=False, indent=1))
    return "\n".join(lines)


def _schemas(description: Json) -> Iterator[str]:
    yield '<h2 id="schemas">Schemas</h2>'
    for name, schema in description["components"]["schemas"].items():
        yield f"<h3>{escape(name)}</h3><table>"
        for field, shape in schema["properties"].items():
            needed = "required" if field in schema.get("required", []) else ""
            yield (
                f"<tr><td><code>{escape(field)}</code></td><td><code>{escape(_shape(shape))}</code></td>"
                f"<td>{needed}</td><td>{_text(shape.get('description', ''))}</td></tr>"
            )
        yield "</table>"


def _refusals(description: Json) -> Iterator[str]:
    yield '<h2 id="refusals">Refusals</h2>'
    for status, response in description["components"]["responses"].items():
        example = response["content"]["application/problem+json"]["example"]
        yield f'<h3 id="refusal-{status}">{status}: {escape(response["description"])}</h3>'
        yield f"<pre>{escape(json.dumps(example, indent=1))}</pre>"


def _shape(schema: Json) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_shape(one) for one in schema["anyOf"])
    kinds: Any = schema.get("type", "any")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    words = [f"array of {_shape(schema['items'])}" if kind == "array" else kind for kind in kinds]
    text = " or ".join(words)
    if "enum" in schema:
        text = " | ".join(json.dumps(one) for one in schema["enum"])
    limits = [f"{name} {schema[name]}" for name in ("format", "pattern", "minimum", "maximum", "maxLength") if name in schema]
    return ", ".join([text, *limits])


def _text(text: str) -> str:
    """What stands between backticks is code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
