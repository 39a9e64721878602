"""Set-up of all tests: two logical CPUs, so that two replicas can be tried."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from tf_poselift.training import strategies  # noqa: E402

strategies.use_virtual_devices(2)
