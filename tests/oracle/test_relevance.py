"""Relevance of whole networks that read centred pixels, pool, average and end in linear layers.

GCM's is derived in `tests/visualizer/test_relevance.py`, single rules in `test_relevance_rule.py`.
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from oracle.case import assert_same, cnns, few, lab_cnns, lenets
from oracle.relevance import relevance

from gcm.visualizer import LRP, DeepTaylor

names = st.sampled_from(["epsilon", "gamma", "alpha_beta", "z_plus"])
lrps = st.builds(LRP, st.one_of(st.just("bounded"), names), names, names, names, epsilon=st.sampled_from([0.0, 0.01]))


@few
@given(st.one_of(cnns(1), lenets(1), lab_cnns(1)), st.one_of(st.just(DeepTaylor()), lrps))
def test_relevance(case, visualizer):
    (image,) = case.arrays
    expected = [relevance(case.oracle, visualizer.composite, image, k) for k in range(case.oracle.classes)]
    assert_same(visualizer(case.network, case.images).maps, np.array(expected)[None], 1e-8)
