"""What can go wrong in the library. The messages say what to do and never hold review text."""


class ModelError(Exception):
    """Anything the library refuses."""


class TaxonomyError(ModelError):
    """A taxonomy file that breaks its own rules; the message names file and line."""


class BundleError(ModelError):
    """A bundle folder that is incomplete, changed, or does not fit its taxonomy."""


class ReviewError(ModelError):
    """One review that cannot be scored; `code` is stable and says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
