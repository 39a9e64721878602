"""The processes of `--strategy=multi_worker`, as `TF_CONFIG` names them.

{"cluster": {"worker": ["host0:2222", "host1:2222"]},
 "task": {"type": "worker", "index": 0}}

The same `cluster` in every process, its own `task`. A job `chief` with one
address may stand before the workers; without one, worker 0 is the chief.
"""

import dataclasses
import json
import os

VARIABLE = "TF_CONFIG"
_JOBS = ("chief", "worker")
_LAST_PORT = 65535
_EXAMPLE = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Who takes part.

    Attributes:
      addresses: host:port of every process, the chief first.
      number: of this process in `addresses`.
    """

    addresses: tuple[str, ...]
    number: int


def from_environment() -> Cluster:
    """Returns what `TF_CONFIG` says.

    Raises:
      ValueError: it is missing or not of the form above.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        raise ValueError(
            f"`multi_worker` needs the environment variable `{VARIABLE}` in "
            f"every process. Received: none. Example: {_EXAMPLE}"
        )
    try:
        content = json.loads(text)
        jobs, task = content["cluster"], content["task"]
        kind, index = task["type"], int(task["index"])
        if not isinstance(kind, str):
            raise TypeError("the task's `type` is not text")
        if not all(isinstance(listed, list) for listed in jobs.values()):
            raise TypeError("a job's addresses are not a list")
        addresses = tuple(a for job in _JOBS for a in jobs.get(job, ()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"`{VARIABLE}` must be JSON like {_EXAMPLE}. Received: {text} "
            f"({type(error).__name__}: {error})."
        ) from error
    _check(jobs, kind, index, addresses, text)
    first = len(jobs.get("chief", ())) if kind == "worker" else 0
    return Cluster(addresses, first + index)


def check_unused() -> None:
    """Checks that no other processes are named, where one trains by itself.

    Raises:
      ValueError: `TF_CONFIG` names several.
    """
    if not os.environ.get(VARIABLE):
        return
    count = len(from_environment().addresses)
    if count > 1:
        raise ValueError(
            f"`{VARIABLE}` names {count} processes, each of which would train "
            "by itself. Give `--strategy=multi_worker`, or unset it."
        )


def _check(jobs, kind, index, addresses, text) -> None:
    """Raises ValueError for a cluster that could not start."""
    if unknown := sorted(set(jobs) - set(_JOBS)):
        wrong = f"jobs `chief` and `worker` only, not `{unknown[0]}`"
    elif len(jobs.get("chief", ())) > 1:
        wrong = "at most one `chief`"
    elif not all(_is_address(a) for a in addresses):
        wrong = f"ports to {_LAST_PORT} in addresses of the form host:port"
    elif len(set(addresses)) < len(addresses):
        wrong = "every address once"
    elif kind not in jobs or not 0 <= index < len(jobs[kind]):
        wrong = "a task that is in the cluster"
    else:
        return
    raise ValueError(f"`{VARIABLE}` must have {wrong}. Received: {text}")


def _is_address(address) -> bool:
    if not isinstance(address, str):
        return False
    host, _, port = address.rpartition(":")
    is_number = port.isascii() and port.isdigit()
    return bool(host) and is_number and 0 < int(port) <= _LAST_PORT
