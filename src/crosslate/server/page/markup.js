// Whether a text is HTML, whose tags the server then puts where they belong.

const VOID = /<(?:br|hr|img|wbr|!doctype)(?:\s[^<>]*)?\/?>/i;
const TAGS = /<(\/?)([a-z][a-z0-9-]*)(?:\s[^<>]*)?>/gi;

// An element that is opened and closed, or one that never is: List<String> is neither.
export function isHtml(text) {
  const opened = new Set();
  for (const [, slash, tag] of text.matchAll(TAGS)) {
    if (!slash) opened.add(tag.toLowerCase());
    else if (opened.has(tag.toLowerCase())) return true;
  }
  return VOID.test(text);
}
