"""How bad input has to end: in one sentence, soon, and with nothing left behind."""

import time

import pytest

LONGEST_SENTENCE, SECONDS = 700, 2


@pytest.fixture
def refusal():
    """The sentence with which a call refuses a file, within two seconds of processor time (imports left out)."""

    def sentence_of(call, path, error=ValueError):
        start = time.process_time()
        with pytest.raises(error) as caught:
            call(path)
        # A bound on work, not a measurement: what explodes takes hours.
        assert time.process_time() - start < SECONDS
        sentence = str(caught.value)
        assert str(path) in sentence and "\n" not in sentence and "Traceback" not in sentence
        assert len(sentence) - sentence.count(str(path)) * len(str(path)) < LONGEST_SENTENCE
        return sentence

    return sentence_of
