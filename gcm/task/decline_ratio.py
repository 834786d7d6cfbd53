"""`task=decline_ratio`: classify the whole test set by the pictures, for every visualizer and rendering."""

from omegaconf import DictConfig

from gcm.cli.console import say, say_next
from gcm.cli.declaration import task
from gcm.cli.decline_ratio import measured_cells, write_decline_ratio_table
from gcm.cli.distributed import shared_work
from gcm.cli.named_networks import distinct_names, named_data, named_networks, with_first
from gcm.cli.run_directory import run_directory
from gcm.types import PositiveCount


@task(
    help="how much accuracy is lost if one classifies by the pictures: weights=[RUN,RUN]",
    reads=("weights", "visualizer", "rendering", "metric"),
    parallel=True,
)
def decline_ratio(config: DictConfig, post_hoc_on_by_design: bool = False, images: PositiveCount | None = None) -> None:
    """Evaluate the networks that `weights=` names on their whole test set, or on its first `images`.

    A network that a by-design visualizer fits is explained by that (and by the controls) alone, as in the paper;
    `post_hoc_on_by_design` lets the post-hoc methods at it too.
    """
    networks = named_networks(config)
    data = with_first(named_data(config, networks), images)
    with run_directory(config, *networks) as directory:
        with shared_work(config) as rank:
            loaded = (saved.network().to(rank.device) for saved in networks)
            named = zip(distinct_names(networks), loaded, strict=True)
            cells = measured_cells(config, named, data, rank, post_hoc_on_by_design)
        if rank.number > 0:
            return
        write_decline_ratio_table(cells, data, directory, images)
    say(f"files: {directory}")
    say_next("task=faithfulness", f"weights={networks[0].path}")
