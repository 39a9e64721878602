"""Which terms Yu 2021's networks minimise, and whose turn it is.

`config` is that of `methods.yu2021`.
"""

import tensorflow as tf

from tf_poselift import checks
from tf_poselift.losses import yu_input


def check(config) -> None:
    """Raises ValueError unless every number of the config lies in its range."""
    checks.check_number("lifter_steps", config.lifter_steps, least=0)
    for name in ("motion_frames", "bone_frames"):
        checks.check_number(name, getattr(config, name), least=1)
    for name in ("distance", "prior_deviation"):
        checks.check_number(name, getattr(config, name), above=0)


def in_turns(config) -> bool:
    """Tells whether the two modules are trained in turn (Sec. 3.3)."""
    return yu_input.has_module(config) and config.lifter_steps > 0


def frames(config) -> tuple[int | tuple[int, int], ...]:
    """Returns the offsets of an example's frames: t, t + k (Eq. 9), t + l."""
    offsets = [0]
    if config.motion_weight:
        offsets.append(config.motion_frames)
    if yu_input.has_module(config) and config.bone_weight:
        offsets.append((1, config.bone_frames))
    return tuple(offsets)


def weights(config) -> dict[str, dict[str, float]]:
    """Returns {network: {term: weight}}, without what is switched off."""
    lifter = {  # Eq. 10
        "reprojection": config.reprojection_weight,
        "consistency": config.consistency_weight,
        "adversarial": config.adversarial_weight,
        "motion": config.motion_weight,
        "facing": config.facing_weight,
    }
    scale = {"kl": config.kl_weight, "bone": config.bone_weight}  # Eq. 6
    if not yu_input.has_module(config):
        scale = {}
    elif not config.lifter_steps:  # no turns: both see the sum
        lifter = scale = lifter | scale
    critic = {"discrimination": 1.0 if config.adversarial_weight else 0.0}
    terms = {"lifter": lifter, "scale": scale, "discriminator": critic}
    used = {
        network: {term: weight for term, weight in each.items() if weight}
        for network, each in terms.items()
    }
    return {network: each for network, each in used.items() if each}


def losses(
    config, terms: dict[str, tf.Tensor]
) -> dict[str, dict[str, tuple[float, tf.Tensor]]]:
    """Returns {network: {term: (weight, value)}} of `weights`."""
    return {
        network: {term: (weight, terms[term]) for term, weight in used.items()}
        for network, used in weights(config).items()
    }


def log_names(config) -> tuple[str, ...]:
    """Returns what a step logs: each network's loss and its terms."""
    names = ["scale_factor", "valid"]
    for network, terms in weights(config).items():
        names += [f"{network}_loss", *terms]
    return tuple(dict.fromkeys(names))


def turns(config, step: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns who moves at a step: the lifter `lifter_steps` times, then S."""
    if not in_turns(config):
        return {}
    lifting = step % (config.lifter_steps + 1) < config.lifter_steps
    resting = tf.logical_not(lifting)
    return {"lifter": lifting, "discriminator": lifting, "scale": resting}


def share_of_steps(config, network: str) -> float:
    """Returns how many of the steps are a network's turn, 0 to 1."""
    if not in_turns(config):
        return 1.0
    own = 1 if network == "scale" else config.lifter_steps
    return own / (config.lifter_steps + 1)


def priors(config, *, mean: float, deviation: float) -> list[str]:
    """Returns what is taken from 3D, as text; see `yu_input.statistics`."""
    if config.scale == "reference":
        return ["Scale of every pose from its 3D truth (Eq. 3)."]
    if not (yu_input.has_module(config) and config.kl_weight):
        return []
    prior = f"Scale prior N({mean:.3f}, {deviation:.3f})"
    return {
        "fixed": [f"{prior}: Human3.6M's, from its 3D, or your own."],
        "joints_3d": [f"{prior}: from the 3D of the training split (Eq. 3)."],
        "keypoints": [],
    }[config.prior]
