"""Everything that can go wrong for a user, each as one sentence that says what to do next."""


class StylehubError(Exception):
    """The base of every error this project raises on purpose. Its text is meant to be shown as it stands."""


class UnknownName(StylehubError):
    """A method, style or option that does not exist; the message names the nearest ones."""


class RegistryError(StylehubError):
    """A registry entry that is malformed or points nowhere."""


class WeightsError(StylehubError):
    """Weights that are missing, damaged, of another architecture, or not what the registry promises."""


class DownloadError(WeightsError):
    """The model hub did not deliver: no network, no such repository, no permission, no space."""


class ImageError(StylehubError):
    """A picture that cannot be read or written."""


class ParameterError(StylehubError):
    """A parameter outside its range or of the wrong kind."""


class TrainingError(StylehubError):
    """Training that cannot start or go on."""


class Cancelled(StylehubError):
    """The caller asked for a long job to stop."""
