"""Pages from templates, as Markdown and as HTML that needs no other file."""

import base64
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup

from gcm.untrusted import as_text


def fence(text: str) -> str:
    """Return backticks that no line of the text ends as a code block."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(3, longest + 1)


def slug(heading: str) -> str:
    """Return what a link to a heading is called, as on GitHub: small letters, no punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


environment = Environment(
    loader=PackageLoader("gcm.report", "template"),
    autoescape=select_autoescape(["html.j2"]),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters["text"] = as_text
environment.filters["fence"] = fence
environment.filters["slug"] = slug


def rendered(template: str, **values: Any) -> str:
    return environment.get_template(template).render(**values)


def html_page(markdown: str, title: str, pictures: Path) -> str:
    """Return the page as one file, with its pictures, which lie in the directory `pictures`.

    HTML in the text is not run, and links lead to headings of the page alone.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    for token, after in pairwise(tokens):
        if token.type == "heading_open":
            token.attrs["id"] = slug(after.content)
    for token in tokens:
        embed_pictures(token.children or (), pictures)
        keep_links_within(token.children or ())
    body: str = parser.renderer.render(tokens, parser.options, {})
    return rendered("report.html.j2", title=title, body=Markup(body))


def keep_links_within(tokens: Sequence[Any]) -> None:
    for token in tokens:
        if token.type == "link_open" and not str(token.attrs["href"]).startswith("#"):
            del token.attrs["href"]


def embed_pictures(tokens: Sequence[Any], pictures: Path) -> None:
    """Embed only files of the report's own directory; any other picture stays away."""
    for token in tokens:
        if token.type == "image":
            path = pictures / Path(str(token.attrs["src"])).name
            own = path.name == token.attrs["src"] and path.suffix == ".png" and path.is_file()
            content = base64.b64encode(path.read_bytes()).decode() if own else ""
            token.attrs["src"] = f"data:image/png;base64,{content}"
