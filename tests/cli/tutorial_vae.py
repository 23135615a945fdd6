"""A VAE as most tutorials have it, with tensors in the place of distributions."""

from torch import nn


class Vae(nn.Module):
    """784 is 6 here."""

    def __init__(self, act=nn.functional.elu):
        super().__init__()
        self.fc1, self.mu, self.lv = nn.Linear(6, 9), nn.Linear(9, 2), nn.Linear(9, 2)
        self.fc3, self.fc4 = nn.Linear(2, 9), nn.Linear(9, 6)
        self.act = act

    def elements(self, x):
        h = self.act(self.fc1(x))
        return self.mu(h), self.lv(h)

    def logits(self, z):
        return self.fc4(self.act(self.fc3(z)))
