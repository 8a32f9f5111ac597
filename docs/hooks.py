"""What the site cannot link to: files of the repository outside docs/ stand there by their names alone."""

import re

_OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./(?!\w[\w-]*\.md)[^)]*\)")


def on_page_markdown(markdown, page, **_):
    """Return a page's text, without links that lead out of the site."""
    return _OUTSIDE.sub(r"\1", markdown) if "/" not in page.file.src_uri else markdown
