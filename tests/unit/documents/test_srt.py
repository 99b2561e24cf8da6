from crosslate.documents import open_text
from toy_documents import is_kept, texts, through

SRT = (
    "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\nHello there,\r\nmy <i>dear</i> friend.\r\n\r\n"
    "2\r\n00:00:03,000 --> 00:00:04,000 X1:1\r\n- Are you well?\r\n- I am.\r\n\r\n"
    "3\r\n00:00:05,000 --> 00:00:06,000\r\n{\\an8}<b>1984</b>\r\n\r\n\r\n"
)


def test_the_lines_of_a_subtitle_are_one_text_and_speakers_are_apart():
    assert texts(open_text(SRT, "srt", "en")) == ["Hello there, my dear friend.", "Are you well?", "I am."]
    expected = SRT
    for part in ("Hello there", "my <i>", "dear", "friend", "Are you well", "I am"):
        expected = expected.replace(part, part.upper().replace("<I>", "<i>"))
    assert through(SRT, "srt") == expected


def test_a_line_break_moves_to_the_nearest_space():
    document = open_text("1\n00:00:01,000 --> 00:00:02,500\nOne two\nthree four\n", "srt", "en")
    assert document.render(["a b c d e f"]) == "1\n00:00:01,000 --> 00:00:02,500\na b c\nd e f\n"
    assert document.render(["short"]).count("\n") == 4


def test_bytes_come_back():
    utf_16 = SRT.replace("\r\n", "\n").encode("utf-16")
    for data in (SRT.encode(), b"", b"1\n", b"no subtitles at all\n", utf_16):
        assert is_kept(data, "srt")
