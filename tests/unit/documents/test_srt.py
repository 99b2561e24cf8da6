from crosslate.documents import open_document, open_text

SRT = (
    "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\nHello there,\r\nmy <i>dear</i> friend.\r\n\r\n"
    "2\r\n00:00:03,000 --> 00:00:04,000 X1:1\r\n- Are you well?\r\n- I am.\r\n\r\n"
    "3\r\n00:00:05,000 --> 00:00:06,000\r\n{\\an8}<b>1984</b>\r\n\r\n\r\n"
)


def texts(document):
    return [segment.text for segment in document.segments]


def test_the_lines_of_a_subtitle_are_one_text_and_speakers_are_apart():
    document = open_text(SRT, "srt", "en")
    assert texts(document) == ["Hello there, my dear friend.", "Are you well?", "I am."]
    assert document.render(texts(document)) == SRT
    result = document.render([text.upper() for text in texts(document)])
    assert result == SRT.replace(
        "Hello there,\r\nmy <i>dear</i> friend", "HELLO THERE,\r\nMY <i>DEAR</i> FRIEND"
    ).replace("Are you well", "ARE YOU WELL").replace("I am", "I AM")


def test_a_line_break_moves_to_the_nearest_space():
    document = open_text("1\n00:00:01,000 --> 00:00:02,500\nOne two\nthree four\n", "srt", "en")
    assert document.render(["a b c d e f"]) == "1\n00:00:01,000 --> 00:00:02,500\na b c\nd e f\n"
    assert document.render(["short"]).count("\n") == 4


def test_bytes_come_back():
    for data in (
        SRT.encode(),
        b"",
        b"1\n",
        b"no subtitles at all\n",
        SRT.replace("\r\n", "\n").encode("utf-16"),
    ):
        document = open_document(data, "srt", "en")
        assert document.rebuild(texts(document)) == data
