"""Many classes of large images from a folder: `gcm_backbone` learns them, its maps add up, only those asked for are made."""

import pytest
import torch
from PIL import Image

import gcm
from gcm.benchmark.memory import growth
from gcm.benchmark.new_process import in_new_process
from gcm.data import ImageFolder, as_pixels
from gcm.visualizer import ClassContributionMaps, ClassWeightMaps

CLASSES, MEMORISED, SIZE = 200, 8, 224
EPOCHS = 30


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """One image for each class to learn and to test: squares in the two colours of the class."""
    root, generator = tmp_path_factory.mktemp("photos"), torch.Generator().manual_seed(0)
    for label in range(CLASSES):
        colours = torch.randint(256, (2, 3), generator=generator, dtype=torch.uint8)
        squares = colours[torch.randint(2, (7, 7), generator=generator)]
        image = Image.fromarray(squares.repeat_interleave(SIZE // 7, 0).repeat_interleave(SIZE // 7, 1).numpy())
        for split in ("train", "test"):
            folder = root / split / f"class {label:03}"
            folder.mkdir(parents=True)
            image.save(folder / "image.png")
    return root


def growth_by_maps(run, images, targets):
    network = gcm.load(run)
    return growth(lambda: ClassWeightMaps()(network, images, targets))


@pytest.mark.slow
def test_a_folder_of_two_hundred_classes(train_py, photos, tmp_path):
    """The other training images are set aside, so that 8 are left to be memorised."""
    end = train_py("task=train", "data=image_folder", f"data.root={photos}", f"data.val_size={CLASSES - MEMORISED}",
                   f"data.batch_size={MEMORISED}", "data.crop_padding=0", "model=gcm_backbone",
                   "model.backbone=shufflenet_v2_x0_5", "model.widths=[16,16,32,64]", "optimizer=adamw", "optimizer.lr=2e-2",
                   f"trainer.max_epochs={EPOCHS}", f"+trainer.check_val_every_n_epoch={EPOCHS}", "output=run")  # fmt: skip
    assert end.code == 0, end.err

    network = gcm.load("run")
    data = ImageFolder(root=str(photos), val_size=CLASSES - MEMORISED)
    images, labels = data.train[torch.arange(MEMORISED)]
    pixels = as_pixels(images, "cpu")
    with torch.no_grad():
        logits = network(pixels)
        assert torch.equal(logits.argmax(1), labels)
        found = network.contributions(pixels[:2])
        torch.testing.assert_close(
            found.parts.sum((2, 3, 4)), logits[:2], rtol=1e-5, atol=1e-5 * float(logits.abs().max())
        )

    top = logits.topk(3).indices
    asked = ClassContributionMaps()(network, pixels, top)
    assert asked.maps.shape == (MEMORISED, 3, 3, SIZE, SIZE)
    torch.testing.assert_close(
        asked.maps.sum((2, 3, 4)), logits.gather(1, top), rtol=1e-5, atol=1e-5 * float(logits.abs().max())
    )
    every, few = (in_new_process(growth_by_maps, tmp_path / "run", pixels[:4], asked) for asked in (None, top[:4]))
    assert few < every / 2

    end = train_py("task=explain", "weights=run", "indices=[0,150]", "visualizer=gcm", "output=maps")
    assert end.code == 0, end.err
    assert (tmp_path / "maps/gcm_product.png").is_file()
