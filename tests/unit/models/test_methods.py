"""Methods as data: their table by hand, and options that are read, refused and written back."""

import pytest

from crosslate.errors import StrategyError
from crosslate.models.groups import BODY
from crosslate.models.methods.adapters import Adapters
from crosslate.models.methods.bitfit import BitFit
from crosslate.models.methods.forms import LowRank, Scale, Slices, form_values
from crosslate.models.methods.full import Full
from crosslate.models.methods.ia3 import Ia3
from crosslate.models.methods.lora import Lora
from crosslate.models.methods.low_rank import LowRankMatrices
from crosslate.models.methods.prefix import Prefix
from crosslate.models.methods.registry import (
    Assigned,
    forms,
    methods,
    named_methods,
    parse_method,
    read_form,
)
from crosslate.models.strategies import STRATEGIES, parse_strategy, strategy_names

# name beside src or tgt: groups trained in place, the method of the body, what the name says in full, label
TABLE = {
    "bitfit": (BODY, Assigned(BitFit(), BODY), "bitfit", "bitfit"),
    "lora": (frozenset(), Assigned(Lora(8), frozenset({"xattn"})), "lora[xattn;rank=8]", "lora-xattn"),
    "low-rank": (frozenset(), Assigned(LowRankMatrices(32), BODY), "low-rank[rank=32]", "low-rank"),
    "ia3": (frozenset(), Assigned(Ia3(), BODY), "ia3", "ia3"),
    "adapters": (
        frozenset(), Assigned(Adapters(64), frozenset({"enc", "dec"})), "adapters[width=64]", "adapters"
    ),
    "prefix": (frozenset(), Assigned(Prefix(4), BODY), "prefix[length=4]", "prefix"),
}  # fmt: skip


def test_every_method_is_found_and_none_is_a_name_of_the_papers():
    assert methods() == {
        "adapters": Adapters, "bitfit": BitFit, "full": Full, "ia3": Ia3, "lora": Lora, "low-rank": LowRankMatrices,
        "prefix": Prefix,
    }  # fmt: skip
    assert {"low-rank": LowRank, "scale": Scale, "slices": Slices} == forms()
    assert set(TABLE) <= set(named_methods())
    names = strategy_names()
    assert len(names) == len(set(names)) == len(STRATEGIES) + 2 * len(TABLE)


@pytest.mark.parametrize("side", ["src", "tgt"])
@pytest.mark.parametrize("kind", TABLE)
def test_the_table(kind, side):
    in_place, assigned, full, label = TABLE[kind]
    strategy = parse_strategy(f"{side}+{kind}")
    assert strategy.renews == {"source" if side == "src" else "target"}
    assert strategy.reinitialise == {side}
    assert strategy.train == {side} | in_place
    assert strategy.others == (assigned,)
    assert strategy.methods == {side: Full(), **dict.fromkeys(assigned.groups, assigned.method)}
    assert (str(strategy), strategy.name, strategy.label) == (f"{side}+{full}", f"{side}+{kind}", label)
    assert parse_strategy(str(strategy)) == strategy
    assert parse_method(str(assigned)) == assigned


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("src+lora[attention]", "src+lora[attention;rank=8]"),
        ("tgt+lora[rank=4]", "tgt+lora[xattn;rank=4]"),
        (" src+lora[ rank = 2 ; attention ] ", "src+lora[attention;rank=2]"),
        ("src+adapters[width=1]", "src+adapters[width=1]"),
        ("src+prefix[length=4096]", "src+prefix[length=4096]"),
        ("src+all[q,k]", "src+all[q,k]"),
        ("src+lora(xattn;rank=2)", "src+lora[xattn;rank=2]"),
        ("src+lora(dec, xattn, enc)", "src+lora[attention;rank=8]"),
        ("src+xattn+lora(dec,enc;rank=16)", "src+xattn+lora(enc,dec;rank=16)"),
        ("src+xattn[k,v]+adapters[width=8]", "src+xattn[k,v]+adapters[width=8]"),
        ("src+lora(enc;rank=4)+adapters(dec;width=8)", "src+lora(enc;rank=4)+adapters(dec;width=8)"),
        ("embed+xattn+ia3(enc)", "embed+xattn+ia3(enc)"),
    ],
)
def test_options_and_groups_are_read_and_written_back(text, full):
    assert str(parse_strategy(text)) == full
    assert parse_strategy(full) == parse_strategy(text)


def test_a_mixed_strategy_maps_each_group_to_its_method():
    strategy = parse_strategy("src+xattn+lora(enc;rank=4)+adapters(dec;width=8)")
    assert strategy.methods == {"src": Full(), "enc": Lora(4), "dec": Adapters(8), "xattn": Full()}
    assert strategy.train == {"src", "xattn"} and strategy.reinitialise == {"src"}
    assert strategy.precise_groups == {"enc", "xattn"}
    assert (strategy.name, strategy.label) == ("src+xattn+lora+adapters", "xattn+lora-enc+adapters-dec")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("src+lorra", "did you mean 'src+lora'"),
        ("src+lora[rank=0]", "rank is '0', expected a whole number from 1 to 4096"),
        ("src+lora[rank=4097]", "from 1 to 4096"),
        ("src+lora[rank=two]", "rank is 'two'"),
        ("src+lora[rank=4;rank=8]", "gives rank twice"),
        ("src+lora[xattn;attention]", "names two places for lora"),
        ("src+lora[atention]", "lora has no 'atention'; did you mean 'attention'"),
        ("src+lora[width=4]", "lora has no 'width=4'"),
        ("src+lora(decoder)", "lora cannot be applied to 'decoder'; did you mean 'dec'"),
        ("src+lora(enc,enc)", "names a group twice"),
        ("src+adapters(xattn)", "adapters cannot be applied to 'xattn'"),
        ("src+adapters[xattn]", "adapters has no 'xattn'; known: width="),
        ("src+ia3[rank=4]", "ia3 has no 'rank=4'; leave out the brackets"),
        ("src+bitfit[layers=0]", "bitfit has no 'layers=0'"),
        ("src+xattn+lora", "xattn would have two methods; choose among enc,dec"),
        ("src+body+ia3(enc)", "enc would have two methods; src+body leaves none for it"),
        ("src+lora+lora(xattn)", "xattn would have two methods"),
        ("lora(xattn)", "unknown strategy 'lora'"),
        ("src(enc)", "expected limits as in src[layers=0-2]"),
        ("src[k]+xattn", "expected limits as in src+xattn[layers=0-2]"),
        ("src+lora(enc", "cannot read the strategy"),
    ],
)
def test_what_means_nothing_is_refused(text, message):
    with pytest.raises(StrategyError) as refused:
        parse_strategy(text)
    assert message in str(refused.value)


FORMS = [
    (LowRank(shape=(4, 6), rank=2), {"kind": "low-rank", "shape": (4, 6), "rank": 2}, (2, 10)),
    (Scale(shape=(4, 6), axis=1), {"kind": "scale", "shape": (4, 6), "axis": 1}, (6,)),
    (
        Slices.of((9, 3), 0, [8, 3, 2, 3, 0]),
        {"kind": "slices", "shape": (9, 3), "axis": 0, "ranges": ((0, 1), (2, 4), (8, 9))},
        (4, 3),
    ),
]


@pytest.mark.parametrize(("form", "values", "stored"), FORMS)
def test_forms_are_read_and_written_back(form, values, stored):
    assert form_values(form) == values
    assert read_form({**values, "shape": list(values["shape"])}) == form
    assert form.stored_shape == stored


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"kind": "sparse", "shape": [2]},
            "expected a mapping with one of the kinds low-rank, scale, slices",
        ),
        ({"kind": "low-rank", "shape": [2, 2]}, "rank is missing"),
        ({"kind": "low-rank", "shape": [2, 2], "rank": 1, "axis": 0}, "unknown key axis"),
        ({"kind": "low-rank", "shape": [2, 2], "rank": True}, "rank is True, expected a whole number"),
        ({"kind": "low-rank", "shape": [2], "rank": 1}, "needs a shape of two axes"),
        ({"kind": "low-rank", "shape": [2, 2], "rank": 0}, "a rank of at least 1"),
        ({"kind": "low-rank", "shape": 3, "rank": 1}, "shape is 3, expected a list"),
        ({"kind": "scale", "shape": [2, 2], "axis": 2}, "an axis within its shape"),
        ({"kind": "slices", "shape": [4], "axis": 1, "ranges": [[0, 1]]}, "axis is 1"),
        ({"kind": "slices", "shape": [4], "axis": 0, "ranges": [[0, 5]]}, "within 0 to 4"),
        ({"kind": "slices", "shape": [4], "axis": 0, "ranges": [[-1, 1]]}, "within 0 to 4"),
        ({"kind": "slices", "shape": [4], "axis": 0, "ranges": [[2, 3], [0, 1]]}, "ascending"),
        ({"kind": "slices", "shape": [4], "axis": 0, "ranges": [[0, 1], [1, 2]]}, "do not touch"),
        ({"kind": "slices", "shape": [4], "axis": 0, "ranges": [[0, 1, 2]]}, "ranges[0]"),
        ({"kind": "slices", "shape": [4], "axis": 0, "ranges": []}, "ascending pairs"),
        (
            {"kind": "slices", "shape": [4], "axis": 0, "ranges": [0, 1]},
            "ranges[0] is 0, expected a list",
        ),
        ([], "expected a mapping"),
    ],
)
def test_values_that_are_not_a_form_are_refused(values, message):
    with pytest.raises(ValueError, match=r"form (is )?[\[{]") as refused:
        read_form(values)
    assert message in str(refused.value)
