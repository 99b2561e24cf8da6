"""BLEU's tokenizer by the target language, else by the script of the references."""

import pytest

from crosslate.languages.bleu_tokenizers import bleu_tokenizer

CHINESE = "zh ZH zho chi cmn zh-CN zh_TW zho_Hans zho-Hant zh-Hant-HK yue yue_Hant wuu nan lzh zt"
BY_CHARACTER = (
    "ja jpn ja-JP jpn_Jpan ko kor ko_KR kor_Hang th tha tha_Thai lo lao lao_Laoo km khm khm_Khmr my mya bur "
    "mya_Mymr shn bo bod tib bod_Tibt dz dzo_Tibt ii khb jav_Java ban-Bali nod_Lana"
)
WITH_SPACES = (
    "de DE deu_Latn pt-BR fr en ru el ar he hi vi id jv am ka hy tr fi mn und zh-Latn jpn_Latn kor_Latn"
)


@pytest.mark.parametrize(
    ("tokenizer", "codes"), [("zh", CHINESE), ("char", BY_CHARACTER), ("13a", WITH_SPACES)]
)
def test_by_any_spelling_of_the_code(tokenizer: str, codes: str):
    references = ["A line of Latin text, as names and numbers are: 42."]
    found = {code: bleu_tokenizer(code, references) for code in codes.split()}
    assert found == dict.fromkeys(codes.split(), tokenizer)


@pytest.mark.parametrize(
    ("tokenizer", "references"),
    [
        ("zh", ["我们昨天在图书馆里看书。", "他住在北京。"]),
        ("zh", ["在 Linux 系统上安装 PyTorch 和 CUDA 驱动程序。"]),
        ("zh", ["𠮷野先生住在這裡。"]),
        ("char", ["私は昨日図書館で本を読みました。"]),
        ("char", ["東京都知事選挙の結果を発表"]),
        ("char", ["コンピューター"]),
        ("char", ["우리는 어제 도서관에서 책을 읽었습니다."]),
        ("char", ["เมื่อวานเราอ่านหนังสือที่ห้องสมุด"]),
        ("char", ["ມື້ວານນີ້ພວກເຮົາອ່ານປຶ້ມ"]),
        ("char", ["ម្សិលមិញយើងអានសៀវភៅ"]),
        ("char", ["မနေ့ကကျွန်တော်တို့စာဖတ်တယ်။"]),
        ("char", ["ཁ་སང་ང་ཚོས་དཔེ་ཆ་བཀླགས།"]),
        ("char", ["ꦲꦏ꧀ꦱꦫꦗꦮ"]),
        ("13a", ["We read books in the library yesterday; the sign said 图书馆."]),
        ("13a", ["कल हमने पुस्तकालय में किताबें पढ़ीं।", "قرأنا الكتب أمس في المكتبة."]),
        ("13a", ["ትናንት በቤተ መጻሕፍት መጽሐፍ አነበብን።"]),
        ("13a", ["", "12:30", "?!"]),
        ("13a", []),
    ],
)
def test_by_the_references_where_no_code_tells(tokenizer: str, references: list[str]):
    assert bleu_tokenizer("und", references) == tokenizer
