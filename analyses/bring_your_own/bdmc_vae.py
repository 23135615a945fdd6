"""How to build the VAE of bdmc_mnist_vae.pth: 784-200-200-50, ELU, Bernoulli."""

import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal
from torch.nn.functional import elu


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 200), nn.Linear(200, 200), nn.Linear(200, 100)
        self.fc4, self.fc5, self.fc6 = nn.Linear(50, 200), nn.Linear(200, 200), nn.Linear(200, 784)

    def encode(self, x):
        mean, logvar = self.fc3(elu(self.fc2(elu(self.fc1(x))))).chunk(2, dim=-1)
        return Independent(Normal(mean, (logvar / 2).exp()), 1)

    def decode(self, z):
        return Independent(Bernoulli(logits=self.fc6(elu(self.fc5(elu(self.fc4(z)))))), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(50), torch.ones(50)), 1)
