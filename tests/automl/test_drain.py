"""Templates of log lines."""

from automl.anomaly.drain import ANY, Drain, templates


def test_words_that_differ_become_any() -> None:
    lines = ["user ann logs in", "user bob logs in", "disk full on sda", "disk full on sdb", "stop"]
    assert templates(lines, [3, 2, 1, 1, 1], 10) == [f"user {ANY} logs in", f"disk full on {ANY}", "stop"]


def test_lines_of_other_lengths_or_beginnings_stay_apart() -> None:
    drain = Drain()
    groups = [drain.add(line) for line in ("read block a", "read block b", "write block a", "read block a again")]
    assert groups[0] is groups[1]
    assert len({id(group) for group in groups}) == 3
    assert groups[0] is not None
    assert groups[0].template == f"read block {ANY}"
    assert groups[0].lines == 2


def test_the_most_frequent_templates_are_kept() -> None:
    lines = [f"{word} happened" for word in ("alpha", "beta", "gamma")]
    assert templates(lines, [1, 5, 3], 2) == ["beta happened", "gamma happened"]


def test_empty_lines_are_one_template() -> None:
    assert templates(["", " "], [1, 1], 5) == [""]
