"""Transcripts in every format, good and bad, and words written and read back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from praatio import textgrid as praatio

from mmfeat.errors import FormatError, OutputError
from mmfeat.formats.transcripts import EXTENSIONS, read_transcript, write_words
from mmfeat.types import Transcript, Word

Read = Callable[..., Transcript]

WORDS = (
    Word("don't", 0.25, 0.5, -1.5),
    Word('say "hi"', 0.5, 0.875, None),
    Word("", 1.0, 1.25, None),
    Word("naïve", 1.25, 2.0, 0.125),
)

LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 2
        points: size = 1
        points [1]:
            number = 0.5
            mark = "x"
    item [2]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 2
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 2
            text = "h"
    item [3]:
        class = "IntervalTier"
        name = "Words"
        xmin = 0
        xmax = 2
        intervals: size = 5
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = "SIL"
        intervals [2]:
            xmin = 0.5
            xmax = 0.75
            text = """no"""
        intervals [3]:
            xmin = 0.75
            xmax = 1.0
            text = "<unk>"
        intervals [4]:
            xmin = 1.0
            xmax = 1.5
            text = "item[1]"
        intervals [5]:
            xmin = 1.5
            xmax = 2
            text = ""
'''
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
2
<exists>
1
"IntervalTier"
"ORT"
0
2
3
0
1
"good"
1
1.5
"day"
1.5
2
"sp"
"""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write a text under a name and read it as a transcript."""

    def write_and_read(name: str, text: str, encoding: str = "utf-8") -> Transcript:
        (tmp_path / name).write_bytes(text.encode(encoding))
        return read_transcript(tmp_path / name)

    return write_and_read


def tier(name: str, *intervals: tuple[float, float, str]) -> str:
    """One interval tier in the short form."""
    rows = "".join(f'{start}\n{end}\n"{text}"\n' for start, end, text in intervals)
    return f'"IntervalTier"\n"{name}"\n0\n9\n{len(intervals)}\n{rows}'


def grid(*tiers: str) -> str:
    return f'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n9\n<exists>\n{len(tiers)}\n' + "".join(tiers)


# --- writing and reading back


@pytest.mark.parametrize("extension", [".csv", ".json", ".TextGrid"])
def test_written_words_are_read_back(tmp_path: Path, extension: str):
    write_words(WORDS, tmp_path / f"a{extension}")
    back = read_transcript(tmp_path / f"a{extension}").words
    scores = [None] * len(WORDS) if extension == ".TextGrid" else [word.score for word in WORDS]
    assert [(word.text, word.start, word.end) for word in back] == [(word.text, word.start, word.end) for word in WORDS]
    assert [word.score for word in back] == scores
    assert os.listdir(tmp_path) == [f"a{extension}"]


def test_written_csv_has_the_promised_columns_in_seconds(tmp_path: Path):
    write_words([Word("hi, you", 1 / 3, 0.5, -2.0), Word("no", 0.5, 0.6)], tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == 'word,start,end,score\n"hi, you",0.333333,0.5,-2.0\nno,0.5,0.6,\n'


def test_written_textgrid_is_read_by_praatio(tmp_path: Path):
    write_words(WORDS, tmp_path / "a.TextGrid")
    tier = praatio.openTextgrid(str(tmp_path / "a.TextGrid"), includeEmptyIntervals=False).getTier("words")
    assert [(entry.start, entry.end, entry.label) for entry in tier.entries] == [
        (word.start, word.end, word.text or "<unk>") for word in WORDS
    ]


@pytest.mark.parametrize("form", ["short_textgrid", "long_textgrid"])
def test_textgrids_that_praatio_writes_are_read(tmp_path: Path, form: str):
    write_words(WORDS, tmp_path / "a.TextGrid")
    opened = praatio.openTextgrid(str(tmp_path / "a.TextGrid"), includeEmptyIntervals=True)
    opened.save(str(tmp_path / "b.TextGrid"), format=form, includeBlankSpaces=True)
    assert read_transcript(tmp_path / "b.TextGrid") == read_transcript(tmp_path / "a.TextGrid")


def test_output_of_another_kind_is_refused(tmp_path: Path):
    with pytest.raises(OutputError, match=r"cannot be written as '\.srt'; expected \.csv, \.TextGrid or \.json"):
        write_words(WORDS, tmp_path / "a.srt")


def test_output_that_cannot_be_written_is_an_output_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a.csv"):
        write_words(WORDS, tmp_path / "file" / "a.csv")


def test_textgrid_of_no_words_is_refused(tmp_path: Path):
    with pytest.raises(OutputError, match="no words to write"):
        write_words([], tmp_path / "a.TextGrid")


# --- TextGrid


def test_long_textgrid_gives_words_without_pauses(read: Read):
    words = read("a.TextGrid", LONG).words
    assert [(word.text, word.start, word.end) for word in words] == [
        ('"no"', 0.5, 0.75),
        ("", 0.75, 1.0),
        ("item[1]", 1.0, 1.5),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_short_textgrid_is_read_in_every_encoding_of_praat(read: Read, encoding: str):
    transcript = read("a.textgrid", SHORT.replace("good", "göd").replace("\n", "\r\n"), encoding)
    assert transcript.text == "göd day"
    assert transcript.words == (Word("göd", 0.0, 1.0), Word("day", 1.0, 1.5))


def test_overlapping_words_of_a_textgrid_are_named_with_their_times(read: Read):
    text = grid(tier("words", (0, 1.2, "good"), (1.0, 2, "day")))
    with pytest.raises(FormatError, match=r"a\.TextGrid: words 'good' \[0, 1\.2\) s and 'day' \[1, 2\) s overlap"):
        read("a.TextGrid", text)


def test_overlap_of_a_rounded_millisecond_is_clipped(read: Read):
    words = read("a.TextGrid", grid(tier("words", (0, 1.001, "good"), (1.0, 2, "day")))).words
    assert [(word.start, word.end) for word in words] == [(0, 1), (1, 2)]


def test_tier_of_words_is_chosen_by_name(read: Read):
    text = grid(tier("anna - phones", (0, 1, "d")), tier("anna - words", (0, 1, "day")))
    assert read("a.TextGrid", text).text == "day"


def test_word_tier_of_classes_yields_to_the_one_with_words(read: Read):
    text = grid(tier("Word", (0, 1, "C"), (1, 2, "F")), tier("Text", (0, 1, "good"), (1, 2, "day")))
    assert read("a.TextGrid", text).text == "good day"


def test_word_tier_of_letters_alone_is_taken_when_it_is_the_only_one(read: Read):
    assert read("a.TextGrid", grid(tier("word", (0, 1, "a"), (1, 2, "b")))).text == "a b"


def test_only_tier_needs_no_name(read: Read):
    assert read("a.TextGrid", grid(tier("Mary", (0, 1, "day")))).words == (Word("day", 0, 1),)


def test_tier_of_phrases_gives_cues(read: Read):
    transcript = read("a.TextGrid", grid(tier("utterance", (0, 2, "good day"), (3, 4, "no more"))))
    assert transcript.words == ()
    assert transcript.cues == (Word("good day", 0, 2), Word("no more", 3, 4))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (grid(tier("a", (0, 1, "x")), tier("b", (0, 1, "y"))), "interval tiers 'a', 'b'; expected one called 'words'"),
        (grid(tier("words", (1, 0.5, "no"))), r"word 'no' \[1, 0\.5\) s; expected finite times with 0 <= start < end"),
        (grid(tier("words", (-1, 0.5, "no"))), r"word 'no' \[-1, 0\.5\) s"),
        (grid(tier("words", (1, 2, "b"), (0, 1, "a"))), r"word 'a' \[0, 1\) s comes after 'b'"),
        (grid(tier("words", (0, 2, "sil"))), "holds no words"),
        (SHORT[:-20], "breaks off"),
        (LONG.replace("xmax = 0.75", "xmax = --undefined--"), "line 41 has '\"no\"'; expected a number"),
        ('File type = "ooTextFile"\nObject class = "Pitch 1"', "does not begin as a TextGrid"),
        ("some words", "breaks off; expected a text in double quotes"),
    ],
)
def test_broken_textgrids_are_refused(read: Read, text: str, message: str):
    with pytest.raises(FormatError, match=message):
        read("a.TextGrid", text)


# --- CTM, GRID, CSV, text


def test_ctm_gives_words_and_confidences(read: Read):
    text = ";; comment\nrec 1 0.50 0.25 good 0.9\nrec 1 0.75 0.25 <eps>\nrec 1 1.0 0.5 day NA\n"
    assert read("a.ctm", text).words == (Word("good", 0.5, 0.75, 0.9), Word("day", 1.0, 1.5))


def test_ctm_of_several_recordings_gives_the_one_of_its_name(read: Read):
    text = "b 1 0 1 other\na 1 0 1 mine\n"
    assert read("a.ctm", text).text == "mine"
    with pytest.raises(FormatError, match=r"2 recordings \(b, a\); expected one, or one named 'c'"):
        read("c.ctm", text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rec 1 zero 1 hi\n", "line 1 is 'rec 1 zero 1 hi'; expected 'recording channel start"),
        ("rec 1 0 1\n", "line 1"),
        ("rec A 0 1 hi\nrec B 0 1 you\n", "has channels A, B; expected one"),
        ("rec 1 0 1 hi\nrec 1 0.5 1 you\n", "overlap"),
        ("rec 1 0 1 <eps>\n", "holds no words"),
        ("rec 1 nan 1 hi\n", "expected finite times"),
        (";; nothing\n", "holds no words"),
    ],
)
def test_broken_ctm_is_refused(read: Read, text: str, message: str):
    with pytest.raises(FormatError, match=message):
        read("a.ctm", text)


def test_grid_align_is_in_units_of_a_25000th_of_a_second(read: Read):
    words = read("a.align", "0 13250 sil\n13250 19250 bin\n19250 28000 green\n28000 74500 sp\n").words
    assert words == (Word("bin", 0.53, 0.77), Word("green", 0.77, 1.12))


def test_grid_align_in_another_unit_is_noticed(read: Read):
    with pytest.raises(FormatError, match="in units of 1/25000 s; expected 0.2 to 60 s"):
        read("a.align", "0 0.53 sil\n0.53 0.77 bin\n0.77 2.98 sil\n")
    with pytest.raises(FormatError, match="line 1 is '0 sil'; expected 'start end word'"):
        read("a.align", "0 sil\n")


@pytest.mark.reference
def test_grid_align_fits_the_length_of_its_clip(shared: Path):
    from mmfeat.media import probe

    for path in sorted((shared / "grid").glob("*.align"))[:3]:
        words = read_transcript(path).words
        assert len(words) == 6
        assert words[-1].end <= probe(path.with_suffix(".mpg")).duration


@pytest.mark.reference
def test_hand_labelled_textgrids_give_the_words_of_their_transcripts(shared: Path):
    for path in sorted((shared / "alignment").glob("*.TextGrid")):
        assert read_transcript(path).text == read_transcript(path.with_suffix(".txt")).text


def test_csv_takes_columns_in_any_order_and_passes_over_others(read: Read):
    text = "Speaker,END,start,word\r\nA,1.0,0.5,hi\r\nA,2.0,1.0,\r\n"
    assert read("a.csv", text).words == (Word("hi", 0.5, 1.0), Word("", 1.0, 2.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hi,0.5,1.0\n", "has the columns hi, 0.5, 1.0; expected word, start, end"),
        ("word;start;end\nhi;0;1\n", "separated by commas"),
        ("word,start,end\nhi,0.5,late\n", "line 2 is 'hi,0.5,late'"),
        ("word,start,end\nhi,0.5\n", "line 2 is 'hi,0.5'"),
        ("word,start,end\nhi,0.5,inf\n", "expected finite times"),
        ("word,start,end\n", "holds no words"),
        ("word,start,end\na,0,1\nb,0,1\n", "overlap"),
    ],
)
def test_broken_csv_is_refused(read: Read, text: str, message: str):
    with pytest.raises(FormatError, match=message):
        read("a.csv", text)


def test_plain_text_loses_only_white_space(read: Read):
    transcript = read("a.txt", "\ufeff Good\tday,\r\n\r\n  to you. ")
    assert transcript == Transcript("Good day, to you.")


@pytest.mark.parametrize(
    ("text", "extension"),
    [
        (SHORT, ".TextGrid"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nhi", ".vtt"),
        ("1\n00:00:01,000 --> 00:00:02,000\nhi\n", ".srt"),
        ('[{"word": "hi"}]', ".json"),
        ("word,start,end\nhi,0,1\n", ".csv"),
    ],
)
def test_text_that_is_another_format_is_not_taken_for_words(read: Read, text: str, extension: str):
    with pytest.raises(FormatError, match=f"looks like a {extension} file"):
        read("a.txt", text)


# --- subtitles


def test_srt_gives_cues_without_tags_labels_and_notes(read: Read):
    text = (
        "1\n00:00:01,000 --> 00:00:02,500\n<i>Hello</i> {\\an8}<font color=red>there</font>\nyou\n\n"
        "2\n00:00:03,000 --> 00:00:04,000\n♪ la la ♪\n\n"
        "3\n00:00:05,000 --> 00:00:06,000\n- Speaker 1: bye &amp; all\n- ANNA B.: (laughs) Remember: no.\n\n"
        "4\n00:00:07,000 --> 00:00:08,000\n[music]\n\n"
        "5\n00:00:09,000 --> 00:00:10,000\nI have\n42\n"
    )
    assert read("a.srt", text).cues == (
        Word("Hello there you", 1.0, 2.5),
        Word("bye & all Remember: no.", 5.0, 6.0),
        Word("I have 42", 9.0, 10.0),
    )


def test_webvtt_gives_cues_without_comments_names_and_styles(read: Read):
    text = (
        "WEBVTT - title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE a remark\nof two lines\n\n"
        "intro\n00:01.000 --> 00:03.000 align:start position:0%\n<v Anna Bo>We are in <c.loud>New</c> York</v>\n\n"
        "NOTE between\n\n2\n01:00:03.500 --> 01:00:04.000\n>> Bob: 10:30 <b>it</b> is\n7\n"
    )
    transcript = read("a.vtt", text)
    assert transcript.cues == (Word("We are in New York", 1.0, 3.0), Word("10:30 it is 7", 3603.5, 3604.0))
    assert transcript.words == ()
    assert transcript.text == "We are in New York 10:30 it is 7"


def test_rolling_captions_of_youtube_are_said_once(read: Read):
    text = (
        "WEBVTT\nKind: captions\n\n"
        "00:00:00.080 --> 00:00:02.389 align:start\n \nhello<00:00:00.320><c> there</c>"
        "<00:00:00.799><c> friends</c>\n\n"
        "00:00:02.389 --> 00:00:02.399 align:start\nhello there friends\n \n\n"
        "00:00:02.399 --> 00:00:04.230 align:start\nhello there friends\nwelcome<00:00:02.720><c> back</c>\n"
    )
    assert [cue.text for cue in read("a.vtt", text).cues] == ["hello there friends", "welcome back"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n00:00:01,000 --> 00:00:0x,000\nhi\n", "line 2 is '00:00:01,000 --> 00:00:0x,000'; expected 'hh:mm:ss"),
        ("1\n00:00:02,000 --> 00:00:01,000\nhi\n", r"cue 'hi' \[2, 1\) s"),
        (
            "1\n00:00:01,000 --> 00:00:03,000\nhi\n\n2\n00:00:02,000 --> 00:00:04,000\nyou\n",
            "'hi'.* and 'you'.* overlap",
        ),
        ("1\n00:00:01,000 --> 00:00:03,000\n[music]\n", "holds no cues"),
        ("just text\n", "no time line"),
    ],
)
def test_broken_subtitles_are_refused(read: Read, text: str, message: str):
    with pytest.raises(FormatError, match=message):
        read("a.srt", text)


# --- JSON


def word_of(text: str, start: float, end: float, **more: object) -> dict[str, object]:
    return {"word": text, "start": start, "end": end, **more}


WHISPER_KINDS = {
    "openai-whisper": {
        "text": " Good day",
        "segments": [
            {"start": 0, "end": 1, "text": " Good", "words": [word_of(" Good", 0.0, 0.5, probability=0.75)]},
            {"start": 1, "end": 2, "text": " [Music]", "words": [word_of(" [Music]", 0.5, 1.0, probability=0.1)]},
            {"start": 1, "end": 2, "text": " day", "words": [word_of(" day", 1.0, 2.0, probability=0.5)]},
        ],
    },
    "whisperX": {
        "segments": [{"start": 0, "end": 2, "text": "Good day", "words": []}],
        "word_segments": [word_of("Good", 0.0, 0.5, score=0.75), word_of("day", 1.0, 2.0, score=0.5)],
    },
    "API": {"duration": 2, "words": [word_of("Good", 0.0, 0.5, score=0.75), word_of("day", 1.0, 2.0, score=0.5)]},
    "timestamped": {
        "segments": [
            {
                "text": "Good day",
                "words": [
                    {"text": "Good", "start": 0.0, "end": 0.5, "confidence": 0.75},
                    {"text": "day", "start": 1.0, "end": 2.0, "confidence": 0.5},
                ],
            }
        ]
    },
    "faster-whisper": [
        {"text": " Good", "words": [word_of(" Good", 0.0, 0.5, probability=0.75)]},
        {"text": " day", "words": [word_of(" day", 1.0, 2.0, probability=0.5)]},
    ],
    "Hugging Face": {
        "text": "Good day",
        "chunks": [
            {"text": " Good", "timestamp": [0.0, 0.5], "score": 0.75},
            {"text": " day", "timestamp": [1.0, 2.0], "score": 0.5},
        ],
    },
    "list": [word_of("Good", 0.0, 0.5, score=0.75), word_of("day", 1.0, 2.0, score=0.5)],
}


@pytest.mark.parametrize("kind", WHISPER_KINDS)
def test_json_of_every_whisper_gives_the_same_words(read: Read, kind: str):
    transcript = read("a.json", json.dumps(WHISPER_KINDS[kind]))
    assert transcript == Transcript("Good day", (Word("Good", 0.0, 0.5, 0.75), Word("day", 1.0, 2.0, 0.5)))


def test_json_segments_without_words_become_cues(read: Read):
    plain = {"segments": [{"start": 0, "end": 2, "text": " Good day."}, {"start": 2, "end": 3, "text": " No."}]}
    cpp = {
        "transcription": [
            {"offsets": {"from": 0, "to": 2000}, "text": " Good day."},
            {"offsets": {"from": 2000, "to": 3000}, "text": "No."},
        ]
    }
    expected = (Word("Good day.", 0.0, 2.0), Word("No.", 2.0, 3.0))
    assert read("a.json", json.dumps(plain)).cues == expected
    assert read("b.json", json.dumps(cpp)).cues == expected


def test_json_with_a_word_that_has_no_times_falls_back_on_its_segments(read: Read):
    segment = {"start": 0.0, "end": 2.0, "text": "in 2014", "words": [word_of("in", 0.0, 0.5), {"word": "2014"}]}
    transcript = read("a.json", json.dumps({"segments": [segment], "word_segments": segment["words"]}))
    assert (transcript.words, transcript.cues) == ((), (Word("in 2014", 0.0, 2.0),))


def test_whisper_words_of_length_zero_get_ten_milliseconds(read: Read):
    words = [word_of("a", 0.0, 0.5), word_of("b", 0.5, 0.5), word_of("c", 0.5, 1.0), word_of("d", 2.0, 2.0)]
    found = read("a.json", json.dumps({"segments": [{"text": "a b c d", "words": words}]})).words
    assert [(word.start, word.end) for word in found] == [(0.0, 0.49), (0.49, 0.5), (0.5, 1.0), (2.0, 2.01)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"segments": [', "line 1: .*; expected JSON"),
        ('{"a": 1}', "no words with times and no segments; expected 'segments' with 'words'"),
        ("3", "no words with times"),
        ('[{"word": "hi", "start": 0}]', "'hi' has start 0 and end None"),
        ('[{"word": "hi", "start": 0, "end": NaN}]', "expected finite times"),
        ('{"chunks": [{"text": "hi", "timestamp": [0, null]}]}', "'hi' has start 0 and end None"),
        ("[]", "no words with times"),
    ],
)
def test_broken_json_is_refused(read: Read, text: str, message: str):
    with pytest.raises(FormatError, match=message):
        read("a.json", text)


# --- any file


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_empty_missing_and_foreign_files_are_refused_in_every_format(read: Read, tmp_path: Path, extension: str):
    with pytest.raises(FormatError, match="is empty"):
        read(f"a{extension}", " \n")
    with pytest.raises(FormatError, match="no such file"):
        read_transcript(tmp_path / f"none{extension}")
    with pytest.raises(FormatError, match=r"byte 4 \(line 2\) is not UTF-8"):
        read(f"b{extension}", "one\nétwo", "latin-1")
    with pytest.raises(FormatError, match="zero bytes"):
        read(f"c{extension}", "one\0two")
    (tmp_path / f"d{extension}").mkdir()
    with pytest.raises(FormatError, match="cannot be read"):
        read_transcript(tmp_path / f"d{extension}")


def test_unknown_extension_lists_the_known_ones(tmp_path: Path):
    with pytest.raises(FormatError, match=r"extension '\.docx' is not of a transcript; expected one of \.TextGrid"):
        read_transcript(tmp_path / "a.docx")


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 20_000])
def test_json_that_python_cannot_read_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deep.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match="no JSON that can be read"):
        read_transcript(path)
