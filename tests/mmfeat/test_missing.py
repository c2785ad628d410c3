"""Protocols keep what they promise, on any corpus, and draw the same everywhere."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfeat import missing
from mmfeat.errors import ConfigError, SchemaError
from mmfeat.missing import streams
from mmfeat.types import MODALITIES, ObservedRows

COMBINATIONS = ("text", "audio", "vision", "text+audio", "text+vision", "audio+vision", "text+audio+vision")


def rows_of(lengths, observed, ids=None) -> ObservedRows:
    """Rows from lengths and bits per modality."""
    count = len(lengths["text"])
    offsets = {name: np.concatenate([[0], np.cumsum(lengths[name], dtype=np.int64)]) for name in lengths}
    return ObservedRows(
        tuple(ids or (f"u{number}" for number in range(count))),
        offsets,
        {name: np.asarray(observed[name], dtype=bool) for name in lengths},
    )


def complete(count: int, words: int) -> ObservedRows:
    """A corpus in which everything was observed."""
    lengths = {name: [words] * count for name in MODALITIES}
    return rows_of(lengths, {name: [True] * (count * words) for name in MODALITIES})


@st.composite
def corpora(draw) -> ObservedRows:
    """Word-aligned corpora and such with an audio of its own rows; utterances may be empty or observed nowhere."""
    words = draw(st.lists(st.integers(0, 9), max_size=7))
    own = draw(st.booleans())
    audio = draw(st.lists(st.integers(0, 25), min_size=len(words), max_size=len(words))) if own else words
    lengths = {"text": words, "audio": audio, "vision": words}
    observed = {}
    for name, counts in lengths.items():
        size = sum(counts)
        flags = st.lists(st.booleans(), min_size=size, max_size=size)
        observed[name] = draw(st.one_of(flags, st.just([True] * size), st.just([False] * size)))
    return rows_of(lengths, observed)


def per_utterance(rows: ObservedRows, values) -> dict[str, list[np.ndarray]]:
    """Rows of each utterance, by modality."""
    return {name: np.split(values[name], rows.offsets[name][1:-1]) if rows.ids else [] for name in values}


def present(rows: ObservedRows, values) -> np.ndarray:
    """Whether anything is True, (N, 3)."""
    parts = per_utterance(rows, values)
    return np.array([[part.any() for part in parts[name]] for name in MODALITIES], dtype=bool).T.reshape(-1, 3)


def stretches(dropped: np.ndarray) -> int:
    """Runs of True, where the end goes on at the beginning."""
    return int((dropped & ~np.roll(dropped, 1)).sum())


rates = st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 0.999, 1 / 3])
seeds = st.integers(0, 5)
any_protocol = st.one_of(
    st.just(("natural", {})),
    st.builds(lambda rate: ("frame_drop", {"rate": rate}), rates),
    st.builds(lambda rate, mean: ("burst", {"rate": rate, "mean_length": mean}), rates, st.sampled_from([1, 2.5, 40])),
    st.builds(lambda kept: ("modality_combination", {"kept": kept}), st.sampled_from(COMBINATIONS)),
    st.just(("modality_combination", {"kept": COMBINATIONS[:6]})),
    st.builds(lambda rate: ("random_modality", {"rate": rate}), st.sampled_from([0, 0.2, 0.5, 2 / 3, 0.7])),
    st.builds(lambda rate: ("mixed", {"rate": rate, "kept": COMBINATIONS}), st.sampled_from([0.0, 0.4, 0.9])),
)


@given(corpora(), any_protocol, seeds)
def test_kept_is_observed_and_no_draw_takes_the_last_modality(rows, chosen, seed):
    mask = missing.draw(chosen[0], rows, chosen[1], seed, "made")
    for name in MODALITIES:
        assert mask.kept[name].shape == rows.observed[name].shape
        assert not (mask.kept[name] & ~rows.observed[name]).any()
    assert (present(rows, mask.kept).any(axis=1) == present(rows, rows.observed).any(axis=1)).all()


@given(corpora(), rates, st.sampled_from(["frame_drop", "burst"]), seeds)
def test_rows_are_dropped_at_the_exact_rate_and_one_stays(rows, rate, protocol, seed):
    mask = missing.draw(protocol, rows, {"rate": rate}, seed)
    share, spared = Fraction(rate).limit_denominator(10**6), np.zeros(len(rows.ids), dtype=bool)
    for name in MODALITIES:
        was, now = per_utterance(rows, rows.observed)[name], per_utterance(rows, mask.kept)[name]
        for number, (before, after) in enumerate(zip(was, now, strict=True)):
            seen = int(before.sum())
            asked = round(share * seen)  # halves to the even number
            assert int(after.sum()) == (max(seen - asked, 1) if seen else 0)
            spared[number] |= asked == seen and seen > 0
    assert mask.spared.tolist() == spared.tolist()


@given(corpora(), rates, st.sampled_from([1.0, 2.0, 3.5, 10.0]), seeds)
def test_bursts_are_as_many_stretches_as_promised(rows, rate, mean_length, seed):
    mask = missing.draw("burst", rows, {"rate": rate, "mean_length": mean_length}, seed)
    for name in MODALITIES:
        was, now = per_utterance(rows, rows.observed)[name], per_utterance(rows, mask.kept)[name]
        for before, after in zip(was, now, strict=True):
            lost = before[before] & ~after[before]
            count = int(lost.sum())
            wanted = max(1, round(Fraction(count) / Fraction(mean_length)))
            assert stretches(lost) == (min(wanted, len(lost) - count) if count else 0)


@given(corpora(), st.sampled_from([0.0, 0.1, 0.35, 0.5, 2 / 3, 0.7]), seeds)
def test_random_modality_meets_its_rate_exactly_over_the_split(rows, rate, seed):
    mask = missing.draw("random_modality", rows, {"rate": rate}, seed)
    was, now = present(rows, rows.observed), present(rows, mask.kept)
    asked = round(Fraction(rate).limit_denominator(10**6) * int(was.sum()))
    can = int(np.maximum(was.sum(axis=1) - 1, 0).sum())
    assert int((was & ~now).sum()) == min(asked, can)
    assert (now.any(axis=1) == was.any(axis=1)).all()
    whole = per_utterance(rows, mask.kept), per_utterance(rows, rows.observed)
    for column, name in enumerate(MODALITIES):
        for number, stays in enumerate(now[:, column]):
            assert not stays or (whole[0][name][number] == whole[1][name][number]).all()


@given(corpora(), st.sampled_from(COMBINATIONS))
def test_a_combination_keeps_its_modalities_whole_and_drops_the_others(rows, kept):
    mask = missing.draw("modality_combination", rows, {"kept": kept})
    was = present(rows, rows.observed)
    columns = np.array([name in kept.split("+") for name in MODALITIES])
    for number in range(len(rows.ids)):
        left = bool((was[number] & columns).any())
        assert mask.spared[number] == (was[number].any() and not left)
        for column, name in enumerate(MODALITIES):
            before = per_utterance(rows, rows.observed)[name][number]
            after = per_utterance(rows, mask.kept)[name][number]
            assert after.tolist() == (before & (columns[column] or not left)).tolist()


@pytest.mark.parametrize(("rate", "dropped"), [(0, 0), (0.1, 300), (0.3, 900), (0.5, 1500), (2 / 3, 2000), (0.7, 2000)])
def test_on_a_complete_corpus_random_modality_drops_the_published_number(rate, dropped):
    rows = complete(1000, 2)
    now = present(rows, missing.draw("random_modality", rows, {"rate": rate}).kept)
    assert int((~now).sum()) == dropped
    assert now.any(axis=1).all()


def test_random_modality_leaves_one_two_or_three_as_often_as_gcnet():
    rows = complete(20_000, 1)
    left = present(rows, missing.draw("random_modality", rows, {"rate": 0.3}).kept)
    shares = np.bincount(left.sum(axis=1), minlength=4)[1:] / len(left)
    np.testing.assert_allclose(shares, [0.2025, 0.495, 0.3025], atol=0.01)  # each of two goes with 0.9 / 2
    np.testing.assert_allclose(left.mean(axis=0), 0.7, atol=0.01)


def test_the_modality_that_stays_is_drawn_evenly_among_those_observed():
    rows = complete(30_000, 1)
    left = present(rows, missing.draw("random_modality", rows, {"rate": 0.7}).kept)
    assert (left.sum(axis=1) == 1).all()
    np.testing.assert_allclose(left.mean(axis=0), 1 / 3, atol=0.01)


@pytest.mark.parametrize(("protocol", "parameters"), [("frame_drop", {"rate": 0.5}), ("burst", {"rate": 0.5})])
def test_modalities_rates_seeds_variants_corpora_and_protocols_are_independent(protocol, parameters):
    rows = complete(2000, 20)
    draws = [
        missing.draw(protocol, rows, parameters, 0, "made"),
        missing.draw(protocol, rows, {"rate": 0.6}, 0, "made"),
        missing.draw(protocol, rows, parameters, 1, "made"),
        missing.draw(protocol, rows, parameters, 0, "made", variant=1),
        missing.draw(protocol, rows, parameters, 0, "other"),
        missing.draw("burst" if protocol == "frame_drop" else "frame_drop", rows, parameters, 0, "made"),
    ]
    assert len({mask.mask_id for mask in draws}) == len(draws)
    series = np.array([mask.kept[name] for mask in draws for name in MODALITIES], dtype=float)
    correlation = np.corrcoef(series) - np.eye(len(series))
    assert np.abs(correlation).max() < 0.03  # 40,000 rows: six standard errors where rows are independent


@pytest.mark.parametrize("protocol", ["frame_drop", "burst"])
def test_the_same_words_lose_rows_of_their_own_in_every_modality(protocol):
    mask = missing.draw(protocol, complete(50, 20), {"rate": 0.3})
    for first, second in (("text", "audio"), ("text", "vision"), ("audio", "vision")):
        assert (mask.kept[first] != mask.kept[second]).any()


def test_every_set_of_rows_is_as_likely_as_any_other():
    rows = complete(20_000, 5)
    kept = missing.draw("frame_drop", rows, {"rate": 0.4}).kept["text"].reshape(-1, 5)
    counts = np.array(list(Counter(map(bytes, kept)).values()))
    assert len(counts) == 10  # 2 of 5
    assert ((counts - 2000) ** 2 / 2000).sum() < 27.9  # chi square, 9 degrees of freedom, 1 in 1000


def test_every_arrangement_of_stretches_is_as_likely_as_any_other():
    rows = complete(12_000, 5)
    kept = missing.draw("burst", rows, {"rate": 0.6, "mean_length": 1.5}).kept["vision"].reshape(-1, 5)
    counts = np.array(list(Counter(map(bytes, kept)).values()))
    assert len(counts) == 5  # of the 10 sets of 3 of 5 rows, half are two stretches on the ring
    assert ((counts - 2400) ** 2 / 2400).sum() < 18.5  # 4 degrees of freedom, 1 in 1000


@pytest.mark.parametrize("protocol", ["frame_drop", "burst"])
def test_the_first_and_the_last_word_are_dropped_as_often_as_those_between(protocol):
    kept = missing.draw(protocol, complete(20_000, 12), {"rate": 0.25}).kept["audio"].reshape(-1, 12)
    np.testing.assert_allclose(kept.mean(axis=0), 0.75, atol=0.012)  # four standard errors


def test_bursts_have_the_mean_length_that_was_asked_for():
    rows = complete(500, 100)
    lost = ~missing.draw("burst", rows, {"rate": 0.3, "mean_length": 6}).kept["audio"].reshape(500, 100)
    assert (lost.sum(axis=1) == 30).all()
    assert {stretches(row) for row in lost} == {5}


def test_several_rates_are_drawn_per_utterance_the_same_for_its_modalities():
    mask = missing.draw("frame_drop", complete(4000, 10), {"rate": [0.0, 0.3, 0.7]})
    lost = np.stack([(~mask.kept[name]).reshape(-1, 10).sum(axis=1) for name in MODALITIES], axis=1)
    assert (lost == lost[:, :1]).all()
    np.testing.assert_allclose(np.bincount(lost[:, 0], minlength=8)[[0, 3, 7]] / 4000, 1 / 3, atol=0.03)


def test_several_combinations_are_drawn_per_utterance():
    rows = complete(7000, 1)
    left = present(rows, missing.draw("modality_combination", rows, {"kept": COMBINATIONS}).kept)
    patterns = Counter(map(tuple, left.tolist()))
    assert len(patterns) == 7
    assert all(abs(count - 1000) < 120 for count in patterns.values())


def test_modalities_that_are_not_named_lose_nothing():
    rows = complete(30, 12)
    mask = missing.draw("burst", rows, {"rate": 0.5, "modalities": ["vision"]})
    assert mask.kept["text"].all()
    assert mask.kept["audio"].all()
    assert mask.kept["vision"].mean() == 0.5


def test_two_masks_are_combined_by_and_and_still_keep_something():
    rows = complete(300, 8)
    frames = missing.draw("frame_drop", rows, {"rate": 0.9})
    whole = missing.draw("random_modality", rows, {"rate": 0.7})
    both = {name: frames.kept[name] & whole.kept[name] for name in MODALITIES}
    assert present(rows, both).any(axis=1).all()


@pytest.mark.parametrize(
    ("protocol", "parameters"),
    [("frame_drop", {"rate": 0.3}), ("burst", {"rate": 0.4}), ("modality_combination", {"kept": COMBINATIONS})],
)
def test_an_utterance_gets_the_same_rows_in_any_order_and_any_share_of_the_corpus(protocol, parameters):
    rng = np.random.default_rng(3)
    lengths = rng.integers(0, 60, 40)
    whole = rows_of({name: lengths for name in MODALITIES}, {n: rng.random(lengths.sum()) < 0.8 for n in MODALITIES})
    expected = per_utterance(whole, missing.draw(protocol, whole, parameters).kept)
    share = rng.permutation(40)[:13]
    parts = per_utterance(whole, whole.observed)
    some = rows_of(
        {name: lengths[share] for name in MODALITIES},
        {name: np.concatenate([parts[name][number] for number in share]) for name in MODALITIES},
        ids=[whole.ids[number] for number in share],
    )
    found = per_utterance(some, missing.draw(protocol, some, parameters).kept)
    for name in MODALITIES:
        for place, number in enumerate(share):
            np.testing.assert_array_equal(found[name][place], expected[name][number])


def test_random_modality_does_not_depend_on_the_order_of_the_corpus():
    forward = complete(50, 1)
    backward = ObservedRows(forward.ids[::-1], forward.offsets, forward.observed)
    kept = [missing.draw("random_modality", rows, {"rate": 0.4}).kept["audio"] for rows in (forward, backward)]
    np.testing.assert_array_equal(kept[0], kept[1][::-1])


def fixed() -> ObservedRows:
    """A small corpus made without a random number: 23 utterances of 0 to 18 words, gaps, audio of its own rows."""
    words = [(number * 7) % 19 for number in range(23)]
    lengths = {"text": words, "audio": [3 * count + 1 for count in words], "vision": words}
    observed = {
        name: [(row * 7 + column * 3) % 5 != 0 for row in range(sum(lengths[name]))]
        for column, name in enumerate(MODALITIES)
    }
    return rows_of(lengths, observed, ids=[f"vidéo_{number}" for number in range(23)])


def digest(mask: missing.Mask) -> str:
    data = b"".join(np.packbits(mask.kept[name], bitorder="little").tobytes() for name in MODALITIES)
    return hashlib.sha256(data).hexdigest()[:16]


GOLDEN = {  # (sha256 of the kept bits, mask_id), the first 16 digits: raise identity.FORMAT where these change
    ("natural", "{}"): ("4415db98d13cceb1", "e7de84ab6f29a8a0"),
    ("frame_drop", '{"rate": 0.3}'): ("11cb3cff4002665f", "615f663bfa6905f1"),
    ("frame_drop", '{"rate": [0.0, 0.3, 0.7]}'): ("9bb5cd52ee064a33", "14302af30938b71e"),
    ("frame_drop", '{"rate": 0.9}'): ("83dbda0529f63750", "9c30593ab0d439c4"),
    ("burst", '{"rate": 0.5}'): ("d0b778f94619ef82", "50f0d06d9f5b2ba6"),
    ("burst", '{"rate": 0.7, "mean_length": 2.5}'): ("162cfe9f96c7a35c", "2fd004ea15a482e3"),
    ("modality_combination", '{"kept": ["text+audio"]}'): ("30269174bada836b", "e4fac31bacfeb48a"),
    ("modality_combination", '{"kept": ["text", "audio", "vision"]}'): ("9b50b745283fd389", "09fa5c3054690982"),
    ("random_modality", '{"rate": 0.4}'): ("001430b97766a019", "6e414b3d769c1856"),
    ("random_modality", '{"rate": 0.7}'): ("8ee9613f77264800", "b88b08c14ca6a730"),
}


@pytest.mark.parametrize(("protocol", "parameters"), [(name, json.loads(text)) for name, text in GOLDEN])
def test_the_bits_are_those_of_every_other_machine(protocol, parameters):
    mask = missing.draw(protocol, fixed(), parameters, 1111, "made", variant=2)
    assert (digest(mask), mask.mask_id[:16]) == GOLDEN[protocol, json.dumps(parameters)]


def test_the_generator_is_splitmix64():
    state, numbers = np.array([1234567], dtype=np.uint64), np.arange(5, dtype=np.uint64)
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert streams.words(state, numbers).tolist() == published


def mixed(word: int) -> int:
    """SplitMix64's output function, in whole numbers of any size."""
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
    return word ^ (word >> 31)


def test_a_loop_in_plain_python_written_from_the_documentation_draws_the_same():
    rows, parameters = fixed(), {"modalities": list(MODALITIES), "rate": 0.35}
    record = {"dataset": "made", "format": 1, "parameters": parameters, "protocol": "frame_drop"}
    text = json.dumps({**record, "seed": 5, "variant": 0}, sort_keys=True, separators=(",", ":"))
    draw = hashlib.sha256(text.encode()).digest()
    mask = missing.draw("frame_drop", rows, {"rate": 0.35}, 5, "made")
    for name in MODALITIES:
        tag = int.from_bytes(hashlib.sha256(draw + f"{name}/rows".encode()).digest()[:8], "little")
        for number, utterance in enumerate(rows.ids):
            first, last = rows.offsets[name][number : number + 2]
            seen = [row for row in range(first, last) if rows.observed[name][row]]
            state = mixed(int.from_bytes(hashlib.sha256(utterance.encode()).digest()[:8], "little") ^ tag)
            word = [mixed((state + (place + 1) * 0x9E3779B97F4A7C15) % 2**64) for place in range(len(seen))]
            keys = [(value >> 24 << 24) + place for place, value in enumerate(word)]
            count = min(round(Fraction("0.35") * len(seen)), max(len(seen) - 1, 0))
            lost = {seen[keys.index(key)] for key in sorted(keys)[:count]}
            kept = [row for row in seen if row not in lost]
            assert (np.flatnonzero(mask.kept[name][first:last]) + first).tolist() == kept


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=30))
@settings(max_examples=50)
def test_as_many_are_chosen_as_asked_for(pairs):
    sizes = np.array([max(pair) for pair in pairs], dtype=np.int64)
    counts = np.array([min(pair) for pair in pairs], dtype=np.int64)
    states = np.arange(len(pairs), dtype=np.uint64)
    chosen = streams.choose(states, sizes, counts)
    parts = np.split(chosen, np.cumsum(sizes)[:-1]) if len(sizes) else []
    assert [int(part.sum()) for part in parts] == counts.tolist()


def test_one_very_long_utterance_among_short_ones_needs_no_padding_to_its_length():
    sizes = np.array([3, 300_000, 2, 5], dtype=np.int64)
    chosen = streams.choose(np.arange(4, dtype=np.uint64), sizes, sizes // 2)
    assert [int(part.sum()) for part in np.split(chosen, np.cumsum(sizes)[:-1])] == [1, 150_000, 1, 2]


@pytest.mark.parametrize(
    ("changed", "value"),
    [("dataset", "other"), ("protocol", "burst"), ("parameters", {"rate": 0.4}), ("seed", 1), ("variant", 1)],
)
def test_the_name_of_a_mask_changes_with_everything_it_depends_on(changed, value):
    given = {"dataset": "made", "protocol": "frame_drop", "parameters": {"rate": 0.3}, "seed": 0, "variant": 0}
    rows = complete(3, 4)
    assert missing.draw(rows=rows, **given).mask_id != missing.draw(rows=rows, **{**given, changed: value}).mask_id


def test_the_name_of_a_mask_changes_with_ids_word_counts_and_observed_rows():
    rows = complete(2, 3)
    renamed = ObservedRows(("u0", "v1"), rows.offsets, rows.observed)
    recut = ObservedRows(rows.ids, dict.fromkeys(MODALITIES, np.array([0, 2, 6])), rows.observed)
    gap = ObservedRows(rows.ids, rows.offsets, {**rows.observed, "vision": np.arange(6) != 4})
    names = {missing.draw("natural", each).mask_id for each in (rows, renamed, recut, gap)}
    assert len(names) == 4


def test_the_name_can_be_made_without_drawing():
    rows = complete(3, 4)
    mask = missing.draw("burst", rows, {"rate": 0.3}, 7, "made")
    given = {"dataset": "made", "protocol": "burst", "parameters": mask.parameters, "seed": 7}
    assert missing.mask_id(rows, **given) == mask.mask_id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("frame_drop", {"rate": 0.3}), ("frame_drop", {"rate": "0.3", "modalities": "vision,text,audio"})),
        (("frame_drop", {"rate": [0.5]}), ("frame_drop", {"rate": 0.5})),
        (("frame_drop", {"rate": "0.1,0.2"}), ("frame_drop", {"rate": (0.1, 0.2)})),
        (("modality_combination", {"kept": "vision+text"}), ("modality_combination", {"kept": ["text+vision"]})),
        (("burst", {"rate": 0, "mean_length": "5"}), ("burst", {"rate": 0.0})),
    ],
)
def test_parameters_that_mean_the_same_are_the_same_mask(one, other):
    first, second = (missing.draw(name, complete(4, 6), parameters) for name, parameters in (one, other))
    assert (first.mask_id, first.key) == (second.mask_id, second.key)


def test_keys_are_readable():
    assert missing.key("natural") == "natural,seed=0,variant=0"
    assert missing.key("frame_drop", {"rate": 0.3}, seed=4) == "frame_drop,rate=0.3,seed=4,variant=0"
    assert missing.key("burst", {"rate": [0.1, 0.2], "mean_length": 8}) == (
        "burst,rate=0.1|0.2,mean_length=8.0,seed=0,variant=0"
    )
    assert missing.key("modality_combination", {"kept": ["audio+text", "vision"]}, variant=3) == (
        "modality_combination,kept=text+audio|vision,seed=0,variant=3"
    )


@pytest.mark.parametrize(
    ("protocol", "parameters", "message"),
    [
        ("frame_dorp", {}, "did you mean frame_drop"),
        ("xyz", {}, "expected one of natural, frame_drop, burst, modality_combination, random_modality, mixed"),
        ("frame_drop", {"rate": -0.1}, "rate -0.1; expected at least 0 and less than 1"),
        ("frame_drop", {"rate": 1.0}, "rate 1.0; expected at least 0 and less than 1"),
        ("frame_drop", {"rate": [0.2, 1.5]}, "rate 1.5; expected"),
        ("frame_drop", {"rate": []}, "rate none; expected"),
        ("frame_drop", {"rate": float("nan")}, "rate nan; expected"),
        ("frame_drop", {}, "missing setting 'rate'"),
        ("frame_drop", {"rat": 0.3}, "did you mean 'rate'"),
        ("frame_drop", {"rate": "often"}, "rate='often' is not"),
        ("frame_drop", {"rate": 0.3, "modalities": []}, "no modalities; expected"),
        ("frame_drop", {"rate": 0.3, "modalities": ["video"]}, "modalities="),
        ("burst", {"rate": 0.3, "mean_length": 0.5}, "mean_length 0.5; expected at least 1 row"),
        ("burst", {"rate": 0.3, "mean_length": float("inf")}, "mean_length inf; expected at least 1 row"),
        ("random_modality", {"rate": 0.8}, "rate 0.8; expected 0 to 0.7"),
        ("random_modality", {"rate": -0.1}, "rate -0.1; expected 0 to 0.7"),
        ("modality_combination", {"kept": "video"}, "kept 'video'; expected one or more of text, audio"),
        ("modality_combination", {"kept": []}, "kept 'none'; expected"),
        ("natural", {"rate": 0.1}, "unknown setting 'rate'"),
    ],
)
def test_bad_parameters_are_refused_with_what_was_expected(protocol, parameters, message):
    with pytest.raises(ConfigError, match=message):
        missing.draw(protocol, complete(2, 2), parameters)


@pytest.mark.parametrize("numbers", [{"seed": -1}, {"seed": 1.5}, {"seed": True}, {"variant": -1}])
def test_bad_seeds_are_refused(numbers):
    with pytest.raises(ConfigError, match="expected a whole number, 0 or more"):
        missing.draw("natural", complete(2, 2), **numbers)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ("a", "a")}, "'a' is there twice"),
        ({"offsets": dict.fromkeys(MODALITIES, np.array([0, 4]))}, r"expected \(3,\)"),
        ({"offsets": dict.fromkeys(MODALITIES, np.array([0, 5, 4]))}, "expected them to rise from 0 to 4"),
        ({"offsets": dict.fromkeys(MODALITIES, np.array([1, 2, 4]))}, "expected them to rise from 0 to 4"),
        ({"observed": dict.fromkeys(MODALITIES, np.ones(4))}, "one bool per row"),
    ],
)
def test_rows_that_do_not_fit_together_are_refused(change, message):
    rows = complete(2, 2)
    fields = {"ids": rows.ids, "offsets": rows.offsets, "observed": rows.observed}
    with pytest.raises(SchemaError, match=message):
        missing.draw("natural", ObservedRows(**{**fields, **change}))


def test_a_corpus_without_a_modality_keeps_the_others():
    rows = complete(4, 3)
    text = ObservedRows(rows.ids, {"text": rows.offsets["text"]}, {"text": rows.observed["text"]})
    for protocol, parameters in (("random_modality", {"rate": 0.5}), ("modality_combination", {"kept": "vision"})):
        mask = missing.draw(protocol, text, parameters)
        assert list(mask.kept) == ["text"]
        assert mask.kept["text"].all()


def test_an_utterance_longer_than_a_stream_is_refused():
    rows = ObservedRows(("long",), {"audio": np.array([0, 2**24])}, {"audio": np.ones(2**24, dtype=bool)})
    with pytest.raises(SchemaError, match="an utterance of 16777216 rows; expected at most 16777215"):
        missing.draw("natural", rows)


def test_mixed_takes_rows_from_one_half_of_the_utterances_and_modalities_from_the_other():
    rows = complete(2_000, 10)
    mask = missing.draw("mixed", rows, {"rate": 0.5, "kept": ["text", "audio+vision"]})
    left = np.stack([mask.kept[name].reshape(-1, 10).sum(axis=1) for name in MODALITIES], axis=1)
    by_rows = (left == 5).all(axis=1)
    by_modality = np.isin(left, (0, 10)).all(axis=1)
    assert (by_rows | by_modality).all()
    assert 900 < by_rows.sum() < 1_100
    assert {tuple(entry) for entry in left[by_modality]} == {(10, 0, 0), (0, 10, 10)}


def test_mixed_draws_what_its_two_protocols_would_draw():
    rows = complete(50, 6)
    mask = missing.draw("mixed", rows, {"rate": 0.0, "kept": COMBINATIONS[-1]})
    assert all(mask.kept[name].all() for name in MODALITIES)
    assert not mask.spared.any()
