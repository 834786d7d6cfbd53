"""Folders that are the parts of a split never become classes, and classes stay classes."""

import pytest
import torch
from PIL import Image

from gcm.data import ImageFolder
from gcm.data.folder_layout import role
from gcm.error import InputError

CAT_DOG = ("cat", "dog")


def write(root, *folders, count=1, value=0):
    """Images in each folder; `value` is that of the first pixel."""
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.new("L", (4, 4), value).save(root / folder / f"{number}.png")


def each(*parts, within=CAT_DOG):
    return [f"{part}/{name}" for part in parts for name in within]


ROLES = {
    "training": ["train", "Train", "TRAIN", "training", "Training_Set", "trainset", "train2017", "TrainImages", "seg_train", "my-train", "X_train", "Entraînement", "Entrenamiento", "treino", "обучение", "訓練", "训练集", "学習データ", "훈련"],
    "test": ["test", "Testing", "TEST", "testset", "test_images", "seg_test", "eval", "Evaluation", "holdout", "hold-out", "hold_out", "HoldOut", "prueba", "тест", "テスト", "测试集", "評価用", "테스트"],
    "validation": ["val", "Val", "valid", "validation", "Validación", "val2017", "my_val", "dev", "devel", "dev_set", "Validierung", "検証", "验证集", "검증"],
    None: ["cat", "value", "valley", "devil", "device", "contest", "restrain", "latest", "Pneumonia", "strain", "猫", "1", "", "oval", "medieval"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "wanted"), [(name, part) for part, names in ROLES.items() for name in names])
def test_what_a_folder_is_called_as(name, wanted):
    assert role(name) == wanted


SPLITS = {
    "case": each("Train", "Test"),
    "upper case": each("TRAIN", "TEST"),
    "one in the right case": each("train", "Test"),
    "other words": each("training", "validation"),
    "three parts": each("training", "validation", "testing"),
    "with a word more": each("train_images", "test_images"),
    "as challenges have it": each("seg_train/seg_train", "seg_test/seg_test"),
    "Japanese": each("訓練", "テスト"),
    "Chinese": each("训练集", "测试集"),
    "a language of which we know nothing": each("pagsasanay", "pagsubok"),
    "folds": each("fold1", "fold2", "fold3"),
    "numbers": each("1", "2"),
    "development and evaluation": each("dev", "eval"),
    "holdout": [*each("train"), *each("holdout")],
    "other classes in the other part": ["Train/cat", "Train/dog", "Test/cat", "Test/fox"],
    "one class in the other part": ["Train/cat", "Train/dog", "Test/cat"],
    "case of the classes": ["A/Cat", "A/Dog", "B/cat", "B/dog"],
    "images without classes": ["Train", "Test"],
    "images without classes, in the right case": ["train", "test"],
    "one part without classes": [*each("Train"), "predict"],
    "one part beside the classes": ["cat", "dog", *each("holdout")],
    "an unknown part beside the classes": ["cat", "dog", *each("more")],
    "the split within the classes": [f"{name}/{part}" for name in CAT_DOG for part in ("train", "test")],
    "images and labels": [f"{name}/{part}" for name in ("images", "labels") for part in ("train", "val")],
    "images and masks": [f"{name}/{part}" for name in CAT_DOG for part in ("images", "masks")],
    "train alone": each("train"),
    "train and val": each("train", "val"),
}


@pytest.mark.parametrize("folders", SPLITS.values(), ids=SPLITS)
def test_splits_by_other_names_are_refused(tmp_path, folders):
    write(tmp_path, *folders)
    with pytest.raises(InputError) as caught:
        _ = ImageFolder(root=str(tmp_path), test_share=0).train
    line = str(caught.value)
    assert line.isprintable()
    assert "train/ and test/" in line or "two classes or more" in line
    assert "data.folders=classes" in line or len({folder.split("/")[0] for folder in folders}) == 1


CLASSES = {
    "a class called test": ["control", "test"],
    "a class called train": ["bus", "car", "train"],
    "of one part": ["false_test", "true_test"],
    "words that begin like one": ["valley", "devil", "trainer"],
    "folders in some classes": ["cat/young", "cat/old", "dog"],
    "a folder alone in each": ["crack/Imgs", "free/Imgs"],
    "folders of other names": ["cat/persian", "cat/siamese", "dog/beagle", "dog/poodle"],
    "one name twice": ["cat/young", "cat/old", "dog/young", "dog/grown"],
}


@pytest.mark.parametrize("folders", CLASSES.values(), ids=CLASSES)
def test_classes_are_classes(tmp_path, folders):
    write(tmp_path, *folders)
    data = ImageFolder(root=str(tmp_path), test_share=0)
    assert data.class_names() == tuple(sorted({folder.split("/")[0] for folder in folders}))
    assert len(data.train) == len(folders)


@pytest.mark.parametrize(
    "folders",
    [
        ["train", "test"],
        ["Train", "Test", "bus"],
        each("train", "test"),
        each("cat", "dog", within=("young", "old")),
        each("train"),
    ],
)
def test_the_way_out(tmp_path, folders):
    write(tmp_path, *folders, "zebra")
    data = ImageFolder(root=str(tmp_path), test_share=0, folders="classes")
    assert data.class_names() == tuple(sorted({*(folder.split("/")[0] for folder in folders), "zebra"}))


@pytest.mark.parametrize(
    "folders", [each("photos"), each("photos/train", "photos/test"), each("train", within=["train", "test"])]
)
def test_a_folder_around_it_all(tmp_path, folders):
    write(tmp_path, *folders)
    with pytest.raises(
        InputError, match=rf"(got \['photos'\]; is it data.root={tmp_path}/photos\?|class folders in train/ only)"
    ):
        _ = ImageFolder(root=str(tmp_path), test_share=0).train


def test_said_to_be_splits_which_are_not_there(tmp_path):
    write(tmp_path, "cat", "dog")
    with pytest.raises(InputError, match=r"neither train/ nor test/; it needs both train/ and test/$"):
        _ = ImageFolder(root=str(tmp_path), folders="splits").train


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val", "dev"])
def test_a_third_folder_is_for_validation(tmp_path, name):
    write(tmp_path, *each("train"), count=3, value=10)
    write(tmp_path, *each("test"), count=2, value=20)
    write(tmp_path, *each(name), value=30)
    data = ImageFolder(root=str(tmp_path))
    assert data.validated
    assert [len(split) for split in (data.train, data.validation, data.test)] == [6, 2, 4]
    assert data.validation[torch.arange(2)][0].unique().tolist() == [30]
    assert data.spec.mean == (10 / 255,)
    assert data.chosen()["validation_folder"] == name


def test_which_folder_is_for_validation_can_be_said(tmp_path):
    write(tmp_path, *each("train", "test", "val", "dev", "other"))
    with pytest.raises(InputError, match=r"has dev, val; say which is for validation: data.validation_folder="):
        _ = ImageFolder(root=str(tmp_path)).validation
    write(tmp_path, *each("other"), value=30)
    data = ImageFolder(root=str(tmp_path), validation_folder="other")
    assert data.validation[torch.arange(2)][0].unique().tolist() == [30]
    with pytest.raises(InputError, match=r"data.validation_folder=nowhere is no folder in"):
        _ = ImageFolder(root=str(tmp_path), validation_folder="nowhere").validation


def test_validation_images_come_from_one_place(tmp_path):
    write(tmp_path, *each("train", "test", "val"), count=3)
    with pytest.raises(InputError, match=r"val is for validation; set data.val_size=0, got 2"):
        _ = ImageFolder(root=str(tmp_path), val_size=2).train
    write(tmp_path, "val/fox")
    with pytest.raises(InputError, match=r"has classes that train/ has not: fox"):
        ImageFolder(root=str(tmp_path)).check()


def test_without_a_third_folder_nothing_is_validated(tmp_path):
    write(tmp_path, *each("train", "test"), count=3)
    (tmp_path / "val").mkdir()
    data = ImageFolder(root=str(tmp_path))
    assert not data.validated
    assert len(ImageFolder(root=str(tmp_path), val_size=2).validation) == 2
