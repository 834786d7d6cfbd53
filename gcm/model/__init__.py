"""Networks: one architecture a file."""

from gcm.model.base import Classifier, Contributions, FeatureClassifier, Interpretable, PooledClassifier
from gcm.model.cnn import CNN
from gcm.model.gcm import GCM
from gcm.model.lenet import LeNet
from gcm.model.path_network import PathNetwork

__all__ = [
    "CNN",
    "GCM",
    "Classifier",
    "Contributions",
    "FeatureClassifier",
    "Interpretable",
    "LeNet",
    "PathNetwork",
    "PooledClassifier",
]
