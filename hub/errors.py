"""The errors that a user can meet. Each message is one sentence with the cause and what to do next."""


class StylehubError(Exception):
    """The base of every error that this project raises on purpose. Show its text to the user unchanged."""


class UnknownName(StylehubError):
    """A method, style or option that does not exist; the message names the nearest ones."""


class RegistryError(StylehubError):
    """A registry entry that is malformed, or whose code does not exist."""


class ConsentError(StylehubError):
    """Code in a folder that the user has not trusted, or that has changed since."""


class WeightsError(StylehubError):
    """Weights that are missing, damaged, made for another architecture, or different from the registry's hash."""


class DownloadError(WeightsError):
    """A download that failed: no network, no such repository, no permission, or no disk space."""


class ImageError(StylehubError):
    """A picture that cannot be read or written."""


class ParameterError(StylehubError):
    """A parameter outside its range or of the wrong type."""


class TrainingError(StylehubError):
    """Training that cannot start or continue."""


class Cancelled(StylehubError):
    """The caller asked for a long job to stop."""
