"""What the site cannot link to: files of the repository outside docs/ stand there by their names alone."""

import re

_LINK = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+)[^)]*\)")


def on_page_markdown(markdown, page, **_):
    """Return a page's text, without links that lead out of the site."""
    depth = page.file.src_uri.count("/")

    def kept(link):
        return link[0] if link[2].count("../") <= depth else link[1]

    return _LINK.sub(kept, markdown)
