"""Models for multimodal sentiment and emotion that survive missing modalities."""

from mmfeat import torchvision_fit

torchvision_fit.install()
