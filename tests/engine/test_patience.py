"""What is read at first use: waited for where only the engine may answer, and no longer than the server is asked."""

import pytest

from base.errors import SecondaryEngineError, StatementTimeExceeded
from engine.catalog import CatalogView
from engine.running.execute import Offload, translated
from engine.translate.refusal import NOT_YET, ONE_NOT_YET, Refusal
from engine.translate.translator import Translation
from statements.context import LakeName, SessionContext

ALONE = {"alone": True}
LAKE = {"lake": (LakeName("s", "t", ""),)}
MADE = Translation("SELECT 1")
WEIGHTS, ZONE, LASTING = (
    Refusal(f"the weights of collation x are {NOT_YET}"),
    Refusal(f"time zone x is {ONE_NOT_YET}"),
    Refusal("this is not supported"),
)


class Slow:
    """A translator that refuses so often; the server has its answer ready at the `answered`th look."""

    def __init__(self, *refusals: Refusal, answered: int = 99) -> None:
        self.refusals, self.answered = list(refusals), answered
        self.looks = self.translations = 0

    def translate(self, statement, context, view, definitions, rows):
        self.translations += 1
        return self.refusals.pop(0) if self.refusals else MADE

    def is_asking(self):
        self.looks += 1
        return self.looks <= self.answered

    def prepare(self, translation):
        return False


class Goes:
    """A statement that nobody stops, or whose time is up at once."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def check(self) -> None:
        if self.error:
            raise self.error


def ask(translator: Slow, context: dict[str, object], running: Goes | None = None) -> Translation | None:
    offload = Offload("SELECT 1", SessionContext(1, **context), [], [])  # type: ignore[arg-type]
    return translated(translator, offload, CatalogView({}), running or Goes())  # type: ignore[arg-type]


@pytest.mark.parametrize("context", [ALONE, LAKE])
@pytest.mark.parametrize("refusal", [WEIGHTS, ZONE])
def test_what_is_being_read_is_waited_for(context, refusal):
    assert ask(Slow(refusal, refusal), context) is MADE


def test_where_the_server_may_answer_nobody_waits():
    translator = Slow(WEIGHTS)
    with pytest.raises(SecondaryEngineError, match="read at first use"):
        ask(translator, {})
    assert (translator.translations, translator.looks) == (1, 0)


def test_what_the_server_does_not_know_is_refused_when_it_has_said_so():
    translator = Slow(*[ZONE] * 9, answered=2)
    with pytest.raises(SecondaryEngineError, match="time zone x"):
        ask(translator, ALONE)
    assert translator.translations == 4  # once more after its last word


def test_its_last_word_may_be_what_was_asked_for():
    assert ask(Slow(WEIGHTS, answered=0), ALONE) is MADE


def test_a_lasting_reason_is_given_at_once():
    translator = Slow(LASTING)
    with pytest.raises(SecondaryEngineError, match="not supported"):
        ask(translator, ALONE)
    assert translator.looks == 0


def test_a_statement_whose_time_is_up_waits_no_longer():
    with pytest.raises(StatementTimeExceeded):
        ask(Slow(*[WEIGHTS] * 9), ALONE, Goes(StatementTimeExceeded()))
