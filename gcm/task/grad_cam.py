"""`task=grad_cam`: a sheet of test images of one class, with highlights where the network looks."""

from dataclasses import replace

from omegaconf import DictConfig

from gcm.cli.chosen import chosen_images, the_visualizer
from gcm.cli.console import say, say_next
from gcm.cli.declaration import CHOSEN_IMAGES, task
from gcm.cli.device import device_of
from gcm.cli.named_networks import named_data, named_network
from gcm.cli.run_directory import run_directory
from gcm.cli.settings import overridden_keys, settings_of, task_overrides
from gcm.data import as_pixels
from gcm.study.attention.figure import AttendedImages, draw_sheet
from gcm.study.attention.numbers import Explained, attention, explained_class


@task(
    help="a sheet of test images of one class, highlighted where the network looks: weights=RUN label=7",
    reads=("weights", *CHOSEN_IMAGES, "visualizer"),
)
def grad_cam(config: DictConfig, explained: Explained = "predicted") -> None:
    """Draw Grad-CAM, or what `visualizer=` names, of the predicted class or of the label."""
    name, visualizer = the_visualizer(config)
    saved = named_network(config)
    data = named_data(config, [saved])
    settings, classes = settings_of(config), data.class_names()
    if settings.indices is not None and "label" not in overridden_keys():  # the class is a default, the images are not
        settings = replace(settings, label=None)
    indices = chosen_images(settings, data.test.labels, classes)
    network = saved.network().to(device_of(config))
    visualizer.check_fits(network)
    images, labels = data.test[indices]
    pixels = as_pixels(images, device_of(config))
    logits, evidence = attention(visualizer, network, pixels, labels.to(pixels.device), explained)
    predicted = logits.argmax(1).cpu()
    attended = AttendedImages(pixels.cpu(), evidence.cpu(), predicted == labels, saved.card.name)
    captions = [
        f"no. {index}: {classes[truth]}" + ("" if truth == said else f"\ntaken for {classes[said]}")
        for index, truth, said in zip(indices.tolist(), labels.tolist(), predicted.tolist(), strict=True)
    ]
    with run_directory(config, saved) as directory:
        path = directory / f"{name}.png"
        title = f"{saved.card.name}, iteration {saved.card.steps}: {name} of the {explained_class(explained)}"
        draw_sheet(attended, captions, title, path)
    say(f"test images: {' '.join(map(str, indices.tolist()))}")
    say(f"{int(attended.right.sum())} of {len(indices)} are classified correctly (black ground)")
    say(f"figure: {path}")
    other = "predicted" if explained == "label" else "label"
    same = [word for word in task_overrides() if not word.startswith(("output=", "explained=", "trainer."))]
    say_next(*same, f"explained={other}")
