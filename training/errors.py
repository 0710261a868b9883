"""What can go wrong in training. The messages say what to do and never hold review text."""


class TrainingError(Exception):
    """Anything a stage refuses."""


class DataError(TrainingError):
    """Labelled data that cannot be used; the message names file and line."""


class BaseError(TrainingError):
    """An encoder that cannot be the base."""


class GateError(TrainingError):
    """A candidate that is refused; the message says which figure is over which budget."""
