"""Labels keep their type from `y` to `classes_`, and what is no label is told by its row."""

import numpy as np
import pandas as pd
import pytest

from sere import SEREClassifier
from sere.baselines import LinearBaseline
from sere.inputs.labels import as_labels, check_same_kind


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["b", "a"], np.array(["b", "a"])),
        (np.array(["b", "a"], dtype=object), np.array(["b", "a"])),
        (pd.Series(["b", "a"], dtype="string", index=[7, 3]), np.array(["b", "a"])),
        (pd.Series(["b", "a"], dtype="category"), np.array(["b", "a"])),
        (["nan", "NA", "None", "1", "true"], np.array(["nan", "NA", "None", "1", "true"])),
        ([2, 1], np.array([2, 1])),
        (pd.Series([2, 1], dtype="Int64"), np.array([2, 1])),
        (pd.Series([2, 1], dtype="category"), np.array([2, 1])),
        (np.array([2, 1], dtype=object), np.array([2, 1])),
        (np.array([2, 1], dtype=np.uint8), np.array([2, 1], dtype=np.uint8)),
        ([True, False], np.array([True, False])),
        (pd.Series([True, False], dtype="boolean"), np.array([True, False])),
        ([2.0, 1.0], np.array([2.0, 1.0])),
    ],
)
def test_labels_keep_the_type_they_were_given_in(given, expected):
    found = as_labels(given)
    assert found.dtype == expected.dtype
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, np.float64("nan"), pd.NaT])
@pytest.mark.parametrize("others", [["a", "b"], [1, 2]])
def test_a_missing_label_is_named_by_its_row(missing, others):
    with pytest.raises(ValueError, match=rf"^y\[1\] is {missing}; every clip needs a label"):
        as_labels([others[0], missing, others[1]])


@pytest.mark.parametrize("dtype", ["string", "Int64", "boolean", "category", object])
def test_a_missing_label_of_a_column_is_named_by_its_row(dtype):
    values = {"string": ["a", "b"], "boolean": [True, False]}.get(dtype, [1, 2])
    column = pd.Series([*values, None], dtype=dtype, index=[5, 6, 7])
    with pytest.raises(ValueError, match=r"corpus\[2\] is "):
        as_labels(column, "corpus")


def test_texts_and_numbers_do_not_mix():
    with pytest.raises(ValueError, match=r"mix of label types: y\[0\] is 'a' \(str\) and y\[2\] is 1 \(int\)"):
        as_labels(["a", "b", 1])
    with pytest.raises(ValueError, match=r"true holds texts \('0'\), pred holds numbers"):
        check_same_kind(true=np.array(["0"]), pred=np.array([0]))
    check_same_kind(true=np.array([1.0]), pred=np.array([True]), empty=np.array([], dtype=str))


def test_a_column_vector_is_flattened_with_scikit_learns_warning():
    with pytest.warns(UserWarning, match="column-vector"):
        assert as_labels(np.array([[1], [2]])).tolist() == [1, 2]
    with pytest.raises(ValueError, match="1d array"):
        as_labels([["a", "b"], ["a", "b"]])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (pd.Series([1, 2] * 6, dtype="Int64"), [1, 2]),
        (pd.Series([True, False] * 6, dtype="boolean"), [False, True]),
        ([True, False] * 6, [False, True]),
        (pd.Series(["NA", "1"] * 6, dtype="string"), ["1", "NA"]),
        (pd.Series(["nan", "None"] * 6, dtype="category"), ["None", "nan"]),
    ],
)
@pytest.mark.parametrize("classifier", [SEREClassifier(epochs=1), LinearBaseline()])
@pytest.mark.filterwarnings("ignore:'None' is a label:sere.SereWarning")
def test_classes_and_predictions_are_of_the_type_of_the_labels(classifier, labels, expected):
    X = np.random.default_rng(0).normal(size=(12, 5))
    model = classifier.fit(X, labels)
    assert str(model.classes_.tolist()) == str(expected)
    assert model.predict(X).dtype == model.classes_.dtype


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_fitting_names_the_row_without_a_label(missing):
    X = np.zeros((3, 5))
    with pytest.raises(ValueError, match=r"y\[2\] is .*; every clip needs a label"):
        SEREClassifier().fit(X, ["a", "b", missing])


@pytest.mark.parametrize("blank", ["", "  ", "\t"])
def test_a_blank_label_is_named_by_its_row(blank):
    with pytest.raises(ValueError, match=r"y\[2\] is .*; every clip needs a label"):
        LinearBaseline().fit(np.eye(4), ["a", "b", blank, "a"])
