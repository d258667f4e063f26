"""Distribution of training over devices and machines."""
