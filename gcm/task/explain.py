"""`task=explain`: draw the class maps of some test images."""

from omegaconf import DictConfig

from gcm.cli.chosen import chosen_images
from gcm.cli.console import say, say_next
from gcm.cli.declaration import CHOSEN_IMAGES, task
from gcm.cli.device import device_of
from gcm.cli.named_networks import named_data, named_network
from gcm.cli.run_directory import run_directory
from gcm.cli.settings import settings_of
from gcm.data import as_pixels
from gcm.error import listed
from gcm.instantiate import instantiate_all
from gcm.study.class_maps.figure import ImagesOfNetwork
from gcm.visualizer.base import fitting, none_fits


@task(
    help="draw class maps of some test images: weights=RUN indices=[0,1,2]",
    reads=("weights", *CHOSEN_IMAGES, "visualizer", "rendering"),
)
def explain(config: DictConfig) -> None:
    """Draw one figure for each visualizer that fits the network and each rendering."""
    saved = named_network(config)
    data = named_data(config, [saved], one_label=False)
    indices = chosen_images(settings_of(config), data.test.labels, data.class_names())
    visualizers = instantiate_all(config.visualizer, "visualizer")
    renderings = instantiate_all(config.rendering, "rendering")
    network = saved.network().to(device_of(config))
    fit = fitting(visualizers, network)
    for name, visualizer in visualizers.items():
        if name not in fit:
            say(f"{name} left out: {visualizer.misfit(network)}")
    if not fit:
        raise none_fits(visualizers, saved.card.name)
    say(f"test images {listed(indices.tolist())}")
    images, labels = data.test[indices]
    with run_directory(config, saved) as directory:
        classified = ImagesOfNetwork.of(saved.card.name, network, as_pixels(images, device_of(config)), labels)
        for name, visualizer in fit.items():
            for path in classified.draw(name, visualizer, renderings, directory):
                say(f"figure: {path}")
    say_next("task=decline_ratio", f"weights={saved.path}")
