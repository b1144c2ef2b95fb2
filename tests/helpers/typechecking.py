"""How the tests check annotations: as type checkers read them, where a float may be given as an int."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
