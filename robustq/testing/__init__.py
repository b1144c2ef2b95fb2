"""Checks of the contracts, for the tests of any project; our tests run them on every registered item.

def test_my_quantiser_keeps_the_contract():
    check_quantiser(MyQuantiser(8, 4))

May import `geometry` and `metrics` and what stands below them.
"""

from robustq.testing.analyser import check_analyser as check_analyser
from robustq.testing.architecture import check_architecture as check_architecture
from robustq.testing.attack import check_attack as check_attack
from robustq.testing.dataset import check_dataset as check_dataset
from robustq.testing.executor import check_executor as check_executor
from robustq.testing.metric import check_metric as check_metric
from robustq.testing.perturbation import check_perturbation as check_perturbation
from robustq.testing.quantiser import check_quantiser as check_quantiser
