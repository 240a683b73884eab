"""What can go wrong with a job, apart by who is at fault: that decides whether a try is counted."""


class Unavailable(Exception):
    """Something around the worker does not answer. Not the document's fault: the job is given back uncounted."""


class BadDocument(Exception):
    """The document cannot be read. The text is for the person who posted it."""


class LeaseLost(Exception):
    """The job belongs to another by now, or to nobody because its document was removed."""
