"""Values that Hydra reads otherwise than they were meant: how they must be written is shown, and works."""

import shlex
import subprocess
import sys

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from sample import ROOT

from gcm.cli.quoting import ambiguous, for_shell, meant_as_text, unreadable

VALUES = [
    "~/x", "a=b", "é", "データ", "o'neill", "(1)", "photos (1)", "a b", "a,b", "a:b", "[a", "a]", "{a}", "[a]", 'say "x"',
    "a#b", "a;b", "<a>", "a!b", "^", "`x`", "$HOME", "a&b", "*", "?", "C:\\photos\\x", "ends\\", "2024", "true", "null",
    "1e3", "a(b)", "choice(a,b)", "x|y", "100%", "'", '"', "\\'", "größer als", "a\\\"b", "~", "!", "-x", "--x", "=", "==",
]  # fmt: skip


def read(words):
    return [override.value() for override in OverridesParser.create().parse_overrides(words)]


@pytest.mark.parametrize("value", VALUES)
def test_what_is_shown_is_the_value_behind_shell_and_hydra(value):
    written = for_shell(f"data.root={value}")
    out = subprocess.run(["sh", "-c", f"printf %s {written}"], check=True, capture_output=True, text=True).stdout
    assert out == shlex.split(written)[0]
    assert read([out]) == [value]


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12))
def test_any_printable_text_can_be_written(value):
    written = for_shell(f"output={value}")
    if not value.isprintable():
        assert written == ""
    else:
        assert "${" in value or read(shlex.split(written)) == [value]


def test_what_is_wrong_in_a_list_is_quoted_there():
    assert for_shell("weights=[~/a,b]") == """'weights=["~/a",b]'"""
    assert read(shlex.split(for_shell("weights=[~/a, o'neill]"))) == [["~/a", "o'neill"]]


def test_quotes_do_not_help_where_the_name_is_wrong():
    assert unreadable("dâta=3", []) == ""
    assert for_shell("x=a\nb") == ""


def test_a_word_that_spaces_tore_off():
    line = ["task=test", "data.root=my", "own", "images"]
    assert unreadable("own", line).endswith("""write 'data.root="my own"'""")
    assert unreadable("images", line).endswith("""write 'data.root="my own images"'""")
    assert unreadable("images", ["images"]) == ""


def test_commas():
    message = "Ambiguous value for argument 'data.root=a,o'neill'\n1. To use it as a list"
    said = ambiguous(message)
    assert "as a list: 'data.root=[a,o'\"'\"'neill]'; for a sweep add -m" in said
    assert """as one text: 'data.root="a,o'"'"'neill"';""" in said
    assert ambiguous("another message") == ""


def test_what_is_no_text():
    assert meant_as_text("output: must be a valid string; got 7", ["output=007_0"]) == """; as text: 'output="007_0"'"""
    assert meant_as_text("seed: must be a valid integer; got a", ["seed=a"]) == ""
    assert meant_as_text("output: must be a valid string; got 7", []) == ""


COMMANDS = {
    "~/x": "such a value needs quotes of its own: ",
    "a=b": "such a value needs quotes of its own: ",
    "データ": "such a value needs quotes of its own: ",
    "o'neill": "such a value needs quotes of its own: ",
    "(1)": "such a value needs quotes of its own: ",
    "a,b": "as one text: ",
    "2024": "as text: ",
}  # fmt: skip


@pytest.mark.parametrize("value", [*list(COMMANDS)[2:4], *(pytest.param(value, marks=pytest.mark.slow) for value in COMMANDS)])  # fmt: skip
def test_the_line_that_is_shown_works_in_a_shell(tmp_path, value):
    """The command as it is said, typed again with what the refusal shows, looks where it was meant."""
    (tmp_path / value / "a").mkdir(parents=True)
    command = f"{sys.executable} {ROOT / 'train.py'} task=train data=image_folder trainer.enable_progress_bar=false"
    first = typed(f"{command} {shlex.quote(f'data.root={value}')}", tmp_path)
    (line,) = first.splitlines()
    shown = line.partition(COMMANDS[value])[2].partition("; as a list")[0]
    said = typed(f"{command} {shown}", tmp_path)
    (line,) = said.splitlines()
    expected = f"{tmp_path / value} must hold one folder of images for each of two classes or more, got ['a']"
    assert line == f"error: {expected}" or (value == "~/x" and "/x is no directory" in line)  # of the user's home


def typed(command, directory):
    end = subprocess.run(["sh", "-c", command], cwd=directory, capture_output=True, text=True)
    assert end.returncode == 2
    return end.stderr


ELSEWHERE = {
    "epochs": "trainer.max_epochs", "max_epochs": "trainer.max_epochs", "max_epoch": "trainer.max_epochs",
    "n_epochs": "trainer.max_epochs", "lr": "optimizer.lr", "learning_rate": "optimizer.lr", "batch_size": "data.batch_size",
    "batch-size": "data.batch_size", "BATCH_SIZE": "data.batch_size", "workers": "data.workers", "num_workers": "data.workers",
    "weight_decay": "optimizer.weight_decay", "devices": "trainer.devices", "gpus": "trainer.devices",
    "precision": "trainer.precision", "widths": "model.widths", "dataset": "data", "root": "data.root", "val_size": "data.val_size",
    "ckpt": "weights", "output_dir": "output", "batchsize": "data.batch_size",
}  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_setting_of_another_section_or_another_name(train_py, name):
    for word in (f"{name}=3", f"+{name}=3") if name in ("epochs", "lr") else (f"{name}=3",):
        said = train_py("task=train", word).error
        assert said.startswith(f"unknown setting {name}; did you mean {ELSEWHERE[name]}? Allowed here: "), said


def test_in_a_section_likewise(train_py):
    assert "did you mean trainer.max_epochs?" in train_py("task=train", "trainer.epochs=3").error
    assert "did you mean optimizer.lr?" in train_py("task=train", "+trainer.lr=3", "model=cnn").error
    assert "did you mean count?" in train_py("task=explain", "task.images=3").error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--epochs", "3"], "--epochs: settings are written NAME=VALUE, without dashes: trainer.max_epochs=VALUE"),
        (["--batch-size=3"], "--batch-size=3: settings are written NAME=VALUE, without dashes: data.batch_size=3"),
        (["--seed=3", "-m"], "--seed=3: settings are written NAME=VALUE, without dashes: seed=3"),
    ],
)
def test_settings_as_options(train_py, words, message):
    assert train_py("task=train", *words).error == message


def test_our_names_for_others_exist():
    from test_wrong_settings import composed

    from gcm.cli.settings import SECTIONS, known_keys
    from gcm.synonym import OURS

    known = {*SECTIONS}
    for words in ([], ["data=image_folder"]):
        known |= {*known_keys(composed(*words))}
    assert set(OURS) <= known


@pytest.mark.parametrize(("words", "message"), [
    (["task=train", "count=3"], r"task=train does not use count="),
    (["task=test", "weights=gcm_digits", "label=3"], r"task=test does not use label="),
    (["task=train", "+nonsense=3"], r"unknown setting nonsense"),
    (["task=explain", "weights=gcm_digits", "trainer.devices=2"], r"task=explain does not use trainer.devices="),
    (["task=explain", "weights=gcm_digits", "trainer.precision=bf16-mixed"], r"task=explain does not use trainer.precision="),
    (["task=benchmark", "model=cnn"], r"task=benchmark does not use model="),
    (["task=evolution", "weights=gcm_digits", "optimizer.lr=1"], r"task=evolution does not use optimizer.lr="),
    (["task=test", "weights=gcm_digits", "trainer.strategy=ddp_spawn"], r"trainer.strategy: must be 'auto', 'ddp'"),
])  # fmt: skip
def test_what_a_task_does_not_look_at(train_py, tmp_path, words, message):
    import re

    assert re.search(message, train_py(*words).error)
    assert list(tmp_path.iterdir()) == []
