"""`./tornello sim card`: the table of answers, and a random foreign card."""

import pytest

from simulator.commands.main import main

pytestmark = pytest.mark.requirement("D7")


def test_the_same_seed_is_the_same_card_and_people_can_read_it(capsys):
    assert main(["card", "random"]) == 0
    said = capsys.readouterr().out
    assert main(["card", "random", "--seed", "1"]) == 0
    assert capsys.readouterr().out == said
    assert said.startswith("uid 04") and "\napplication " in said and "\n  file " in said


def test_an_image_that_cannot_be_written_is_said_in_a_sentence(tmp_path, capsys):
    assert main(["card", "random", "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"sim card: {tmp_path}: Is a directory\n"


def test_options_of_the_random_card_are_not_those_of_the_table(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["card", "coverage", "--json"])
    assert ended.value.code == 2 and "unrecognized arguments: --json" in capsys.readouterr().err
