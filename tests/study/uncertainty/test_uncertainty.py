"""Entropies, calibration and detection against cases that can be computed by hand."""

import math

import pytest
import torch
from sample import STOCHASTIC, images_of
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import nn
from torchmetrics.functional.classification import multiclass_calibration_error

from gcm.data import ImageSpec
from gcm.error import InputError
from gcm.metric import Mean
from gcm.study.uncertainty.findings import CoveredClass, detected_by_each_score
from gcm.study.uncertainty.numbers import Cover, calibration, detection, reflected
from gcm.study.uncertainty.predictive import Predictive, PredictiveDistribution

SPEC = ImageSpec.of(1, 28, 10)


def predicted(network, images, passes):
    return Predictive("net", "ab12", network, passes, 0).on(images)


def test_passes_that_agree_in_doubt_have_entropy_and_no_mutual_information():
    class Doubting(nn.Linear):
        def __init__(self):
            super().__init__(1, 1)

        def forward(self, pixels):
            return torch.zeros(len(pixels), 4)

    found = predicted(Doubting(), torch.zeros(3, 1, 4, 4, dtype=torch.uint8), None)
    assert found.entropy.tolist() == pytest.approx([math.log(4)] * 3)
    assert found.mutual_information.tolist() == [0, 0, 0]
    assert found.confidence.tolist() == pytest.approx([0.25] * 3)


def test_passes_that_are_sure_of_different_classes_have_mutual_information(monkeypatch):
    sure = torch.eye(4, dtype=torch.float64)[[0, 1, 2, 3]].unsqueeze(1)  # (T,B,K)
    monkeypatch.setattr(Predictive, "passes_on", lambda *_: sure)
    found = predicted(nn.Linear(1, 1), torch.zeros(1, 1, 4, 4, dtype=torch.uint8), 4)
    assert float(found.mutual_information) == pytest.approx(math.log(4))
    assert float(found.entropy) == pytest.approx(math.log(4))


def test_mutual_information_of_passes_that_agree_in_part(monkeypatch):
    passes = torch.tensor([[[0.5, 0.5]], [[1.0, 0.0]]]).double()
    monkeypatch.setattr(Predictive, "passes_on", lambda *_: passes)
    found = predicted(nn.Linear(1, 1), torch.zeros(1, 1, 4, 4, dtype=torch.uint8), 2)
    entropy = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    assert float(found.entropy) == pytest.approx(entropy)
    assert float(found.mutual_information) == pytest.approx(entropy - math.log(2) / 2)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_probabilities_are_means_over_passes(name):
    network = STOCHASTIC[name](SPEC).eval()
    images = (255 * images_of(SPEC, 6)).byte()
    found = predicted(network, images, 20)
    drawn = Predictive("net", "ab12", network, 20, 0).passes_on(images.float() / 255)
    torch.testing.assert_close(drawn.mean(0), found.probabilities)
    torch.testing.assert_close(drawn.sum(2), torch.ones(20, 6, dtype=torch.float64))


def test_calibration_by_hand():
    probabilities = torch.tensor([[0.9, 0.1]] * 10 + [[0.4, 0.6]] * 10).double()
    labels = torch.tensor([0] * 9 + [1] + [1] * 3 + [0] * 7)
    found = calibration(PredictiveDistribution(probabilities, torch.zeros(20)), labels)
    assert found.accuracy.mean == pytest.approx(12 / 20)
    assert found.error.mean == pytest.approx(
        0.5 * 0.0 + 0.5 * 0.3, abs=1e-6
    )  # 0.9 is right, 0.6 is right 3 of 10 times
    by_hand = -(9 * math.log(0.9) + math.log(0.1) + 3 * math.log(0.6) + 7 * math.log(0.4)) / 20
    assert found.log_loss.mean == pytest.approx(by_hand)
    assert found.error.low <= found.error.mean <= found.error.high
    assert found.counts.sum() == 20
    probabilities = torch.rand(500, 4, generator=torch.Generator().manual_seed(0)).mul(3).softmax(1)
    labels = torch.multinomial(probabilities, 1).squeeze(1)
    ours = calibration(PredictiveDistribution(probabilities.double(), torch.zeros(500)), labels).error.mean
    assert ours == pytest.approx(float(multiclass_calibration_error(probabilities, labels, 4, 15, "l1")), abs=1e-6)
    surest = torch.tensor([[1.0, 0.0]] * 70 + [[0.95, 0.05]] * 30).double()
    labels = torch.tensor([1] + [0] * 99)
    one_bin = calibration(PredictiveDistribution(surest, torch.zeros(100)), labels)
    assert one_bin.log_loss.mean == pytest.approx(-(math.log(1e-12) + 30 * math.log(0.95)) / 100)  # not infinite
    assert one_bin.error.mean == pytest.approx(abs((70 + 30 * 0.95) / 100 - 0.99))
    filled = found.counts > 0
    assert found.confidences[filled].tolist() == pytest.approx([0.6, 0.9])
    assert found.accuracies[filled].tolist() == pytest.approx([0.3, 0.9])


def test_the_basic_bootstrap_interval_by_hand():
    assert reflected(Mean(0.3, 0.25, 0.5, 9)) == pytest.approx((0.3, 0.1, 0.35, 9))
    assert reflected(Mean(0.02, 0.03, 0.05, 9)) == pytest.approx((0.02, 0.0, 0.01, 9))


def test_detection_is_that_of_scikit_learn_whatever_the_scale():
    own, strange = torch.randn(80).double() - 5, torch.randn(50).double() - 4
    truth = [0] * 80 + [1] * 50
    for scale in (1e-3, 1.0, 1e6):  # torchmetrics would take the logistic of values beyond [0,1]
        found = detection(scale * own, scale * strange)
        scores = torch.cat([own, strange]).numpy()
        assert found.auroc.mean == pytest.approx(roc_auc_score(truth, scores), abs=1e-6)
        assert found.aupr.mean == pytest.approx(average_precision_score(truth, scores), abs=1e-6)
        assert found.share == pytest.approx(50 / 130)
        assert found.auroc.low < found.auroc.mean < found.auroc.high
    assert detection(torch.zeros(5).double(), torch.ones(5).double()).auroc.mean == 1
    assert detection(torch.zeros(5).double(), torch.zeros(5).double()).auroc.mean == 0.5


def test_a_cover_is_black_and_lies_within_the_image():
    images = torch.full((2, 3, 8, 9), 7, dtype=torch.uint8)
    covered = Cover(1, 2, 3, 4).on(images)
    assert (covered == 0).sum() == 2 * 3 * 3 * 4
    assert (covered[:, :, 1:4, 2:6] == 0).all()
    assert (images == 7).all()
    assert (Cover(0, 0, 8, 9).on(images) == 0).all()
    for beyond in ([6, 0, 3, 1], [0, 6, 1, 4]):
        with pytest.raises(InputError, match=rf"must lie within 8x9 pixels, got \[{', '.join(map(str, beyond))}\]"):
            Cover(*beyond).on(images)


def test_which_classes_are_possible_for_covered_images():
    predictive = Predictive("net", "ab12", None, 3, 0)
    probabilities = torch.tensor([[0.9, 0.06, 0.04], [0.3, 0.64, 0.06]])
    found = CoveredClass.of(predictive, ("a", "b", "c"), 0, probabilities)
    assert (found.images, found.stays) == (2, 0.5)
    assert found.possible == {"b": 1.0, "c": 0.5}
    assert found.predictive.how == "3 passes"
    assert found.low < 0.5 < found.high


def test_only_passes_have_mutual_information():
    some = PredictiveDistribution(torch.tensor([[0.9, 0.1], [0.8, 0.2]]).double(), torch.tensor([0.1, 0.2]).double())
    scores = [
        [each.score for each in detected_by_each_score(Predictive("net", "ab12", None, way, 0), "noise", some, some)]
        for way in (None, 2)
    ]
    assert scores == [
        ["1 - largest probability", "entropy"],
        ["1 - largest probability", "entropy", "mutual information"],
    ]
