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
    return Detector(SENTENCES)


@pytest.mark.parametrize("language", list(SENTENCES))
def test_sentences(detector, language):
    guesses = detector.detect(SENTENCES[language])
    assert guesses[0].language == language and guesses[0].confidence > 50
    assert {guess.language for guess in guesses} <= set(SENTENCES)


@pytest.mark.parametrize("text", ["", "  ", "😀", "12:30", "—"])
def test_nothing_to_tell(detector, text):
    (guess,) = detector.detect(text)
    assert guess.model_dump() == {"confidence": 0.0, "language": "en"}


def test_nothing_to_tell_without_english():
    (guess,) = Detector(["fr", "de"]).detect("😀")
    assert (guess.language, guess.confidence) == ("de", 0.0)


def test_no_other_language_is_ever_answered():
    found = Detector(["fr", "qaa"]).detect(SENTENCES["de"])
    assert [guess.language for guess in found] == ["fr"]
    (unknown,) = Detector(["qaa", "xx"]).detect(SENTENCES["de"])
    assert (unknown.language, unknown.confidence) == ("qaa", 0.0)


def test_variants_of_a_language():
    assert Detector(["pt-BR", "en"]).detect("O cachorro dorme na casa grande.")[0].language == "pt-BR"


def test_one_detector_does_not_restrict_another(detector):
    Detector(["fr", "en"])
    assert detector.detect(SENTENCES["de"])[0].language == "de"


def test_a_huge_text_takes_no_longer(detector):
    assert detector.detect(SENTENCES["fr"] * 100_000)[0].language == "fr"
