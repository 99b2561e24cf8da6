import pytest

from crosslate.text.placeholders import placeholders


def found(text):
    return [text[start:end] for start, end in placeholders(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://example.org/a?b=c&d=(e)#f, or http://x.y.", ["https://example.org/a?b=c&d=(e)#f", "http://x.y"]),
        ("(see https://a.b/x_(y)), https://a.b/{id}/{{ x }}/z", ["https://a.b/x_(y)", "https://a.b/{id}/{{ x }}/z"]),
        ("(www.example.org)", ["www.example.org"]),
        ("Write to some.one+tag@mail.example.org.", ["some.one+tag@mail.example.org"]),
        ("%1$s of %2$d, %s %d %.2f %05d %-3s %lu %@ %%", ["%1$s", "%2$d", "%s", "%d", "%.2f", "%05d", "%-3s", "%lu", "%@", "%%"]),
        ("%(name)s and %(count)d", ["%(name)s", "%(count)d"]),
        ("{name} {0} {} {{ user.name }} ${x} %{y} {x:>10}", ["{name}", "{0}", "{}", "{{ user.name }}", "${x}", "%{y}", "{x:>10}"]),
        ("{\\an8}Up there", ["{\\an8}"]),
        ("100 % des ventes, 50% der Zeit, 5%", []),
        ("AT&T &lt;b&gt; &#38;", ["&lt;", "&gt;", "&#38;"]),
        ("Hi 👋🏽, family 👨‍👩‍👧, flag 🇩🇪, key 1️⃣, heart ❤️!", ["👋🏽", "👨‍👩‍👧", "🇩🇪", "1️⃣", "❤️"]),
        ("Set {a, b} and 3 < 4 costs $5", []),
        ("\ue000\ue001x", ["\ue000\ue001"]),
        ("日本語 العربية हिन्दी", []),
    ],
)  # fmt: skip
def test_placeholders(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000, "{" * 200_000, "%" * 200_000, "a@" * 100_000, "a.b" * 70_000, "👋\u200d" * 60_000, "www." * 50_000,
     "https://(" * 30_000, "https://a.,.,.,.," * 10_000],
)  # fmt: skip
def test_hostile_text(text):
    """Quadratic time would take minutes."""
    found(text)
