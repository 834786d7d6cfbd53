"""What a network must know of its images."""

import pytest

from gcm.data import ImageSpec, class_index
from gcm.error import InputError

SPEC = ImageSpec(1, 8, 8, ("cat", "dog", "7"), (0.5,))


def test_a_class_is_found_by_name_or_number():
    assert [class_index(SPEC.classes, label) for label in ("dog", 1, 7, "7")] == [1, 1, 2, 2]


@pytest.mark.parametrize("label", ["cow", 3, -1])
def test_an_unknown_class_is_refused_with_the_classes(label):
    with pytest.raises(InputError, match=f"no class {label!r}; the classes are cat, dog, 7"):
        class_index(SPEC.classes, label)


def test_it_survives_a_file():
    assert ImageSpec.from_dict(SPEC.to_dict()) == SPEC


@pytest.mark.parametrize("wrong", [{"height": 0}, {"classes": ("one",)}, {"mean": (0.1, 0.2)}])
def test_wrong_specs_are_refused(wrong):
    with pytest.raises(InputError):
        ImageSpec(**{**SPEC.to_dict(), "classes": SPEC.classes, "mean": SPEC.mean, **wrong})
