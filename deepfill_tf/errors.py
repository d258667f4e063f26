"""What a user can put right."""


class UserError(Exception):
    """Bad input, bad configuration or missing data.

    Its text is one sentence that names the offending value and says what would
    be right. Commands print it on standard error and end with exit code 1.
    """


class WorkerLostError(Exception):
    """Another process of the cluster went away: started again, all go on."""
