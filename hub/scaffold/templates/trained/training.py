"""How the network learns: crops of photos, and what the filter makes of them."""

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch.utils.data import Dataset

from hub.images import to_image, to_tensor
from hub.parameters import inherited
from hub.training import TrainingSettings, TrainingTask
from hub.training.data import open_photos
from hub.weights import write_model

from .network import Network


class MyMethodSettings(TrainingSettings):
    """The flags of `stylehub train`; each ``inherited`` one has another default here."""

    data: list[str] = Field(min_length=1, description="Photos: tar shards, pictures, or folders of them.")
    width: int = Field(16, ge=1, le=256, description="Channels of the network.")
    crop: int = Field(64, ge=16, description="Side of the training crops in pixels.")
    steps: int = inherited(TrainingSettings, "steps", 1000)
    average: float = inherited(TrainingSettings, "average", 0.99)


def ink(photos):
    """The filter to imitate: few levels of smooth colour, and dark lines where the photo changes."""
    smooth = F.avg_pool2d(F.pad(photos, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    lines = 6 * (photos - smooth).abs().mean(1, keepdim=True)
    return ((smooth * 4).round() / 4 - lines).clamp(0, 1)


class Crops(Dataset):
    """The batch of a step, a function of the seed and the step alone, so that a training can be resumed."""

    def __init__(self, settings):
        self.settings, self.photos = settings, open_photos(settings.data)

    def __getitem__(self, step):
        rng = np.random.default_rng([self.settings.seed, step])
        return torch.cat([self.crop(rng) for _ in range(self.settings.batch)])

    def crop(self, rng):
        photo, side = self.photos.image(int(rng.integers(len(self.photos)))), self.settings.crop
        left, top = (int(rng.integers(max(1, length - side))) for length in photo.size)
        return to_tensor(photo.crop((left, top, left + side, top + side)))


class MyMethodTraining(TrainingTask):
    """What ``stylehub train`` asks for: a network, its batches and losses, a picture of them, the export."""

    Settings = MyMethodSettings

    def __init__(self, settings, device):
        torch.manual_seed(settings.seed)
        self.settings, self.device, self.crops = settings, device, Crops(settings)
        self.network = Network(settings.width)

    def parameter_groups(self):
        return [{"params": list(self.network.parameters())}]

    def batches(self):
        return self.crops

    def losses(self, batch, step):
        """``loss`` is minimised; whatever else is here is logged."""
        return {"loss": F.mse_loss(self.network(batch).float(), ink(batch))}

    @torch.no_grad()
    def sheet(self, network):
        """A photo, what the filter makes of it, and what the network does."""
        photo = self.crops[0][:1].to(self.device)
        return to_image(torch.cat([photo, ink(photo), network(photo).float().clamp(0, 1)], 3))

    def export(self, network, folder, facts):
        config = {"method": "my-method", "width": self.settings.width, "training": facts}
        write_model(folder, network.state_dict(), config)
