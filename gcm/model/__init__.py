"""Networks: one architecture a file."""

from gcm.model.base import Classifier, Contributions, FeatureClassifier, Interpretable, PooledClassifier
from gcm.model.bayesian_cnn import BayesianCNN
from gcm.model.cnn import CNN
from gcm.model.contribution_mapping import ContributionMapping
from gcm.model.evaluation_copy import evaluation_copy
from gcm.model.evaluation_mode import evaluation_mode
from gcm.model.gcm import GCM
from gcm.model.gcm_backbone import GCMBackbone
from gcm.model.lab_cnn import LabCNN
from gcm.model.lenet import LeNet
from gcm.model.mc_dropout_cnn import MCDropoutCNN
from gcm.model.path_network import PathNetwork
from gcm.model.stochastic import StochasticClassifier

__all__ = [
    "CNN",
    "GCM",
    "BayesianCNN",
    "Classifier",
    "ContributionMapping",
    "Contributions",
    "FeatureClassifier",
    "GCMBackbone",
    "Interpretable",
    "LabCNN",
    "LeNet",
    "MCDropoutCNN",
    "PathNetwork",
    "PooledClassifier",
    "StochasticClassifier",
    "evaluation_copy",
    "evaluation_mode",
]
