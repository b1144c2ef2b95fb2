"""Statistics that can stand in a paper: averages by group, curves, intervals, paired tests.

A list of the public names; each is defined in the file of its subject.
"""

from robustq.aggregate import group_means as group_means
from robustq.aggregate import summarise as summarise
from robustq.aggregate import summarise_by_architecture as summarise_by_architecture
from robustq.bootstrap import bootstrap_interval as bootstrap_interval
from robustq.compare import compare as compare
from robustq.curves import audc as audc
from robustq.curves import retention as retention
from robustq.curves import worst_level as worst_level
from robustq.paired import holm as holm
from robustq.paired import paired_difference as paired_difference
from robustq.paired import paired_ratio as paired_ratio
from robustq.paired import signed_rank as signed_rank
from robustq.paired import smallest_attainable_p as smallest_attainable_p
