import numpy as np
import pytest
import tensorflow as tf

from tf_poselift.geometry import procrustes
from tf_poselift.geometry import rotations

MIRROR = np.array([1.0, 1.0, -1.0])


def align_by_loop(source, target, weights, reflection):
    """One pair of [J, 3], by the recipe of VideoPose3D's evaluation."""
    weights = weights / weights.sum()
    source_mean, target_mean = weights @ source, weights @ target
    source, target = source - source_mean, target - target_mean
    root = np.sqrt(weights)[:, None]
    source_norm = np.linalg.norm(root * source)
    target_norm = np.linalg.norm(root * target)
    u, s, vt = np.linalg.svd(
        (root * target / target_norm).T @ (root * source / source_norm)
    )
    if not reflection and np.linalg.det(u @ vt) < 0:
        vt[-1] *= -1
        s[-1] *= -1
    scale = s.sum() * target_norm / source_norm
    return scale * source @ (u @ vt).T + target_mean


def test_recovers_a_known_similarity():
    random = np.random.default_rng(0)
    source = random.normal(size=(2, 4, 6, 3))
    rotation = rotations.from_quaternion_wxyz(random.normal(size=(2, 4, 4)))
    scale = random.uniform(0.5, 2.0, size=(2, 4))
    translation = random.normal(size=(2, 4, 3))
    target = (
        scale[..., None, None] * rotations.rotate(source, rotation)
        + translation[..., None, :]
    )
    fit = procrustes.similarity(source, target)
    np.testing.assert_allclose(fit.scale, scale)
    np.testing.assert_allclose(fit.rotation, rotation, atol=1e-12)
    np.testing.assert_allclose(fit.translation, translation, atol=1e-12)
    aligned = procrustes.align(source, target)
    np.testing.assert_allclose(aligned, target, atol=1e-12)


@pytest.mark.parametrize("reflection", [False, True])
def test_agrees_with_loop(reflection):
    random = np.random.default_rng(1)
    source = random.normal(size=(20, 6, 3))
    target = source * MIRROR + random.normal(size=(20, 6, 3))
    weights = random.uniform(size=(20, 6))
    weights[:, 3] = 0.0
    aligned = procrustes.align(
        source, target, reflection=reflection, weights=weights
    )
    for i in range(20):
        expected = align_by_loop(source[i], target[i], weights[i], reflection)
        np.testing.assert_allclose(aligned[i], expected, atol=1e-12)


def test_only_reflection_undoes_a_mirror():
    source = np.random.default_rng(0).normal(size=(6, 3))
    target = 3.0 * source * MIRROR + [1.0, 2.0, 3.0]
    rigid = procrustes.similarity(source, target)
    mirrored = procrustes.similarity(source, target, reflection=True)
    np.testing.assert_allclose(np.linalg.det(rigid.rotation), 1.0)
    np.testing.assert_allclose(np.linalg.det(mirrored.rotation), -1.0)
    aligned = procrustes.align(source, target, reflection=True)
    np.testing.assert_allclose(aligned, target, atol=1e-12)
    assert np.abs(procrustes.align(source, target) - target).max() > 0.1


def test_float32_far_from_the_origin():
    random = np.random.default_rng(0)
    source = random.normal(size=(5, 17, 3)).astype(np.float32)
    target = 400.0 * source + np.float32([0.0, 0.0, 5000.0])  # mm
    aligned = procrustes.align(source, target)
    assert aligned.dtype == tf.float32
    np.testing.assert_allclose(aligned, target, atol=0.01)


def test_gradient_agrees_with_finite_differences():
    random = np.random.default_rng(0)
    source, target = random.normal(size=(2, 5, 3))
    analytic, numeric = tf.test.compute_gradient(
        lambda x: procrustes.align(x, target), [source], delta=1e-5
    )
    np.testing.assert_allclose(analytic[0], numeric[0], atol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("reflection", [False, True])
def test_finite_at_degenerate_points(jit, reflection):
    random = np.random.default_rng(0)
    target = random.normal(size=(5, 3))
    source = np.stack(
        [
            np.zeros((5, 3)),
            np.ones((5, 3)),  # one point
            target * [1.0, 1.0, 0.0],  # flat
            target * [1.0, 0.0, 0.0],  # a line
            target,  # nothing to do
        ]
    )

    @tf.function(
        jit_compile=jit, input_signature=[tf.TensorSpec([None, 5, 3])] * 2
    )
    def align(source, target):
        with tf.GradientTape() as tape:
            tape.watch(source)
            aligned = procrustes.align(source, target, reflection=reflection)
        return aligned, tape.gradient(aligned, source)

    target = np.stack([target] * 5)
    target[0] = 0.0
    aligned, gradient = align(*np.float32([source, target]))
    assert np.isfinite(aligned).all()
    assert np.isfinite(gradient).all()
    mean = np.broadcast_to(target[1].mean(axis=0), (5, 3))
    np.testing.assert_allclose(aligned[1], mean, atol=1e-6)
    np.testing.assert_allclose(aligned[4], target[4], atol=1e-5)


def test_refuses_different_joints():
    with pytest.raises(ValueError, match=r"`target` must .* \[..., 5, 3\]"):
        procrustes.align(np.zeros((2, 5, 3)), np.zeros((2, 4, 3)))
