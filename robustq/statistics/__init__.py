"""Statistics for a paper: means by group, curves over levels, intervals, paired tests.

This file lists the public names; each is defined in the file of its subject.

May import `request/`, `data/`, `scoring/`, `network/`, `one_writer`, `raw_dataset` and what stands below them.
"""

from robustq.statistics.against_baseline import compare as compare
from robustq.statistics.architecture_claims import claims_about_architectures as claims_about_architectures
from robustq.statistics.bootstrap import bootstrap_interval as bootstrap_interval
from robustq.statistics.by_architecture import summarise_by_architecture as summarise_by_architecture
from robustq.statistics.curve_intervals import curve_intervals as curve_intervals
from robustq.statistics.group_means import group_means as group_means
from robustq.statistics.group_means import summarise as summarise
from robustq.statistics.level_curves import audc as audc
from robustq.statistics.level_curves import retention as retention
from robustq.statistics.level_curves import worst_level as worst_level
from robustq.statistics.paired_tests import holm as holm
from robustq.statistics.paired_tests import paired_difference as paired_difference
from robustq.statistics.paired_tests import paired_ratio as paired_ratio
from robustq.statistics.paired_tests import signed_rank as signed_rank
from robustq.statistics.paired_tests import smallest_attainable_p as smallest_attainable_p
from robustq.statistics.robustness_differences import compare_robustness as compare_robustness
