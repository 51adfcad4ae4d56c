"""Put trained weights beside their method, and push what is bundled to the model hub."""

from hub.publishing.bundle import bundle

__all__ = ("bundle",)
