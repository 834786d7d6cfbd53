"""Networks equal their equations: logits, GCM's maps, and the accounts that networks give of themselves."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from oracle.case import assert_same, classifiers, few, gcms, seeds
from oracle.network import skip_decoder
from sample import randomized

from gcm.model.evaluation_copy import evaluation_copy
from gcm.model.gcm_backbone import SkipDecoder


@few
@given(classifiers())
def test_logits(case):
    assert_same(case.network(case.images), [case.oracle.logits(image) for image in case.arrays])


@few
@given(gcms())
def test_gcm_maps_and_account(case):
    """Equations 1 to 4, and parts that add up to the score."""
    classes, network = range(case.oracle.classes), case.network
    weight_maps = [[case.oracle.weight_map(image, k) for k in classes] for image in case.arrays]
    contribution_maps = [[case.oracle.contribution_map(image, k) for k in classes] for image in case.arrays]
    assert_same(network.class_weight_maps(case.images), weight_maps)
    assert_same(network.class_contribution_maps(case.images), contribution_maps)
    account = network.contributions(case.images)
    values = case.images[0].numel()
    assert_same(account.parts, [[part / values for part in parts] for parts in contribution_maps])
    assert_same(account.logits, [case.oracle.logits(image) for image in case.arrays])
    assert not account.rest.any()


@few
@given(gcms())
def test_gcm_maps_of_some_classes(case):
    """The same classes for all images, and others for each, in any order, also twice."""
    last = case.oracle.classes - 1
    for targets, of_image in ((torch.tensor([last, 0, last]), lambda _: [last, 0, last]),
                              (torch.tensor([[last, 1], [0, last]]), [[last, 1], [0, last]].__getitem__)):  # fmt: skip
        expected = [
            [case.oracle.weight_map(image, k) for k in of_image(place)] for place, image in enumerate(case.arrays)
        ]
        assert_same(case.network.class_weight_maps(case.images, targets), expected)


@few
@given(classifiers())
def test_the_evaluation_copy_is_the_same_function(case):
    copy = evaluation_copy(case.network, torch.float64)
    assert_same(copy(case.images), [case.oracle.logits(image) for image in case.arrays])


@few
@given(st.lists(st.integers(0, 2), min_size=1, max_size=3), st.integers(1, 2), st.integers(1, 3), seeds)
def test_the_decoder_of_a_backbone(finer, height, width, seed):
    torch.manual_seed(seed)
    channels = [*finer, 2]
    decoder = randomized(SkipDecoder(channels, (2, 3), 3)).double().eval()
    sizes = [(2**level * height, 2**level * width) for level in reversed(range(len(channels)))]
    features = [torch.randn(2, count, *size).double() if count else None
                for count, size in zip(channels, sizes, strict=True)]  # fmt: skip
    expected = [skip_decoder(decoder, [None if maps is None else maps[place].numpy() for maps in features])
                for place in range(2)]  # fmt: skip
    assert_same(decoder.class_maps(decoder(features), None), expected)
