import pytest

from crosslate.server.detection import Detector

SENTENCES = {
    "de": "Der Hund schläft in dem großen Haus und die Katze sieht das nicht.",
    "en": "The dog sleeps in the big house and the cat does not see that.",
    "fr": "Le chien dort dans la grande maison et le chat ne le voit pas.",
    "zh-Hans": "这只狗在大房子里睡觉，而猫没有看见。我们说汉语。",
    "zh-Hant": "這隻狗在大房子裡睡覺，而貓沒有看見。我們說漢語。",
}


@pytest.fixture(scope="module")
def detector():
    found = Detector(SENTENCES)
    Detector(["fr", "en"])  # which restricts no other one
    return found


@pytest.mark.parametrize("language", [*SENTENCES])
def test_sentences(detector, language):
    for text in (SENTENCES[language], SENTENCES[language] * 100_000):  # a huge text takes no longer
        guesses = detector.detect(text)
        assert guesses[0].language == language and guesses[0].confidence > 50
        assert {guess.language for guess in guesses} <= set(SENTENCES)


@pytest.mark.parametrize("text", ["", "  ", "😀", "12:30", "—"])
def test_nothing_to_tell(detector, text):
    (guess,) = detector.detect(text)
    assert guess.model_dump() == {"confidence": 0.0, "language": "en"}


@pytest.mark.parametrize(
    ("languages", "text", "expected"),
    [
        (["fr", "de"], "😀", "de"),
        (["fr", "qaa"], SENTENCES["de"], "fr"),
        (["qaa", "xx"], SENTENCES["de"], "qaa"),
        (["pt-BR"], "O cachorro dorme na casa grande.", "pt-BR"),
    ],
)
def test_no_other_language_is_ever_answered(languages, text, expected):
    assert [guess.language for guess in Detector(languages).detect(text)] == [expected]


@pytest.mark.parametrize(
    "text", ["الكلب ينام في البيت", "Собака спит в доме.", "สุนัขนอน", "いぬはねている", "ძაღლს სძინავს"]
)
def test_a_script_that_no_served_language_has(text):
    (guess,) = Detector(["de", "en", "fr"]).detect(text)
    assert guess.model_dump() == {"confidence": 0.0, "language": "en"}


def test_languages_of_other_scripts_are_not_answered():
    assert {each.language for each in Detector(["de", "fr", "uk"]).detect("Собака спит.")} == {"uk"}


def test_addresses_say_nothing():
    text = "请写信到example.address@example.org，或访问https://example.org/a-long-english-address。"
    assert [each.language for each in Detector(["en", "fr", "zh-Hans"]).detect(text)] == ["zh-Hans"]


def test_a_script_of_one_served_language_that_the_identifier_does_not_know():
    found = Detector(["en", "fr", "nqo", "chr", "qaa"])
    assert found.detect("ߌ ߣߌ ߗߋ߫߹")[0].model_dump() == {"confidence": 100.0, "language": "nqo"}
    assert found.detect("ᎣᏏᏲ!")[0].language == "chr"
    assert Detector(["qaa"]).detect(SENTENCES["de"])[0].confidence == 0
