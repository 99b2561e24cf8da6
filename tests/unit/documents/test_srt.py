import pytest

from crosslate.documents import open_text
from crosslate.errors import InputError
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


@pytest.mark.parametrize("format_", ["srt", "vtt"])
@pytest.mark.parametrize(
    ("cue", "translate", "expected"),
    [
        ("Well then,\nlet us\ngo", lambda text: "Gut gut", "Gut\ngut"),
        ("Well\nthen\ngo", lambda text: "行こう", "行\nこ\nう"),
        ("Come\nin.\nSit down.", lambda text: {"Come in.": "Herein."}.get(text, "Platz."), "Herein.\nPlatz."),
        ("Oh,\n<i>dear\nme</i>", lambda text: "Oje", "Oje<i></i>"),
        ("♪ O what\n♪ a day ♪", str.upper, "♪ O WHAT\n♪ A DAY ♪"),
        ("O what ♪\n{\\i1}a{\\i0} day", str.upper, "O WHAT ♪\n{\\i1}A{\\i0} DAY"),
        ("What\na day\n♪ ♪", lambda text: "Tag", "Tag\n♪ ♪"),
        ("Kommt\nalle\nher", lambda text: "ខ្ញុំ", "ខ្ញុំ"),
    ],
)
def test_no_empty_line_hides_the_rest_of_a_subtitle(format_, cue, translate, expected):
    head = {"srt": "1\n00:00:01,000 --> 00:00:02,500\n", "vtt": "WEBVTT\n\n00:01.000 --> 00:02.500\n"}[
        format_
    ]
    assert through(f"{head}{cue}\n", format_, translate) == f"{head}{expected}\n"


@pytest.mark.parametrize(
    ("cue", "expected"),
    [
        ("<i>- Ja?\n- Nein.</i>", ["Ja?", "Nein."]),
        ("{\\an8}- Ja?\n- Nein.", ["Ja?", "Nein."]),
        ("\u202b- כן?\u202c\n\u202b- לא.\u202c", ["כן?", "לא."]),
        (">> Ja?\n>> Nein.", ["Ja?", "Nein."]),
        ("<i>Ja</i>-<i>Wort</i>", ["Ja-Wort"]),
    ],
)
def test_dashes_of_speakers_stay_behind_tags_and_marks(cue, expected):
    text = f"1\n00:00:01,000 --> 00:00:02,500\n{cue}\n"
    document = open_text(text, "srt", "de")
    assert texts(document) == expected
    assert document.render(expected) == text


def test_marks_of_direction_are_neither_read_nor_put_around_a_translation():
    text = "1\n00:00:01,000 --> 00:00:02,500\n\u202bמה שלומך?\u202c\n\u200fאיפה אתה?\n"
    assert texts(open_text(text, "srt", "he")) == ["מה שלומך?", "איפה אתה?"]
    result = through(text, "srt", {"מה שלומך?": "How are you?", "איפה אתה?": "Where?"}.get, language="he")
    assert result.endswith("500\nHow are you?\nWhere?\n")


def test_bytes_come_back():
    utf_16 = SRT.replace("\r\n", "\n").encode("utf-16")
    for data in (SRT.encode(), b"", b"\n\n", utf_16):
        assert is_kept(data, "srt")


@pytest.mark.parametrize(
    "times",
    [
        "00:00:01,000 --> 00:00:02,000", "0:0:4,8 --> 0:0:7,4", "00:00:01 --> 00:00:03", "00:01.500-->00:02.250",
        "00:00:01:12 --> 00:00:02:03", "00: 00: 03, 000 --> 00: 00: 04, 000", "100:00:01,000000 -> 100:00:02,5",
        "00:00:01,000 --> 00:00:02,000  X1:40 X2:600 Y1:20 Y2:50", "-00:00:01,000 --> 00:00:02,000 align:start position:0%",
        "00:00:01,000 –> 00:00:02,000", "00:00:01,000 --&gt; 00:00:02,000", "００：００：０１ --> ００：００：０２", " 1:02.5 → 1:03 ",
        "٠٠:٠٠:٠١,٠٠٠ --> ٠٠:٠٠:٠٢,٠٠٠", "--> 00:00:02,000", "[00:01.000 --> 00:02.000]",
    ],
)  # fmt: skip
@pytest.mark.parametrize("number", ["7\n", "", "#7\n", "7.\n", " 7 \n"])
def test_times_and_numbers_stay_in_every_dialect(times, number):
    text = f"1\n00:00:00,000 --> 00:00:00,500\nFirst one\n\n{number}{times}\nHello\nthere\n"
    assert texts(open_text(text, "srt", "en")) == ["First one", "Hello there"]
    assert through(text, "srt") == text.replace("First one", "FIRST ONE").replace(
        "Hello\nthere", "HELLO\nTHERE"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1\n[00:00.000 --> 00:11.000]   Hello there\n", ["Hello there"]),  # as speech recognisers write
        ("00:01 --> 00:02\n1984\n2\n00:03 --> 00:04\nNo line between\n", ["No line between"]),
        ("00:01 --> 00:02\nBefore\n\nand after\n", ["Before", "and after"]),
        ("00:01 --> 00:02\nOne\\Ntwo\\hthree\n", ["One two three"]),
        ("00:01 --> 00:02\nOne,<br>two<br/>\n", ["One,", "two"]),
        ("1\r\r\n00:01 --> 00:02\r\r\nOne\r\r\ntwo\r\r\n", ["One two"]),
        ("1\r00:01 --> 00:02\rOne\rtwo\r", ["One two"]),
    ],
)
def test_what_is_read(text, expected):
    assert texts(open_text(text, "srt", "en")) == expected
    assert through(text, "srt", str) == text


@pytest.mark.parametrize("format_", ["srt", "vtt"])
def test_what_holds_no_subtitle_is_refused(format_):
    for text in (
        "1\n",
        "No subtitles at all\n",
        "{1}{25}Hello|there\n",
        "[Events]\nDialogue: 0,0:00:01.00,x\n",
    ):
        with pytest.raises(InputError, match=f"no subtitle, so it is no {format_} file"):
            open_text(text, format_, "en")


def test_lines_that_are_sentences_get_no_space():
    text = "00:01 --> 00:02\n<i>It is so.</i>\n<i>It was.</i>\n\n00:03 --> 00:04\n你好。\n再见。\n"
    assert through(text, "srt") == text.replace("It is so", "IT IS SO").replace("It was", "IT WAS")
    assert through(text, "srt", lambda _: "Hi.").count("\nHi.\nHi.\n") == 1
