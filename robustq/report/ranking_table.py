"""The table of a ranking: each model's place, the places that significance leaves open, and its AUDC."""

from collections.abc import Mapping, Sequence

from robustq.report.grid import Grid
from robustq.report.numbers import count, interval, listed, number, percent
from robustq.statistics.ranking import Ranks


def ranking_grid(domains: Mapping[str, Ranks], metric: str, data: str, notes: Sequence[str] = ()) -> Grid:
    """A row for each model, the best first; a section for each domain.

    Args:
        domains: the ranks by domain; "" where there is one.
        metric: text of the metric.
        data: name of the dataset.
        notes: notes on models and sample.
    """
    first = next(iter(domains.values()))
    header = ["model", "rank", "places left open", "AUDC [95 % interval]", "significantly better than"]
    sections = [(f"domain {name}" if name else "", _lines(ranks)) for name, ranks in domains.items()]
    lowest, highest = first.levels
    span = percent(highest) if lowest == highest else f"{percent(lowest)} to {percent(highest)}"
    over = listed(first.perturbations)
    title = f"Ranking by AUDC of {metric} on {data}, from 0 to {span}, under {over}"
    reading = [
        "rank: the place by AUDC, the area under the curve, the mean over the perturbations and attacks of the title, "
        "each counted once; 1 is perfect.",
        "places left open: from 1 + the number of models that are significantly better, to the number of models minus "
        "those that are significantly worse. Each pair of models is tested (Wilcoxon's signed-rank test, paired by "
        "patient), with Holm's correction over all pairs. The last column names those that a model is better than; "
        "about two models of which neither is in the other's column, the order says nothing.",
        "These places are those of these trained networks on these patients. Another training seed, other data, other "
        "perturbations or levels can give another order.",
        *(["Each domain is ranked by itself, with its own correction."] if len(domains) > 1 else []),
        *dict.fromkeys(note for name, ranks in domains.items() for note in _limits(name, ranks)),
    ]
    heads = [
        "AUDC counts the value at level 0 too: a model that is better without a perturbation can rank higher and still "
        "lose more. What each model loses is in the verdicts and in robustq compare."
    ]
    return Grid(title, header, sections, [*reading, *notes], heads)


def _lines(ranks: Ranks) -> list[list[str]]:
    lines = []
    for row in ranks.models.to_dict("records"):
        better = ranks.pairs[ranks.pairs["better"] == row["model"]]
        worse = [
            str(pair["other"] if pair["model"] == row["model"] else pair["model"]) for pair in better.to_dict("records")
        ]
        best, worst = int(row["best_rank"]), int(row["worst_rank"])
        lines.append(
            [
                str(row["model"]),
                str(int(row["rank"])),
                str(best) if best == worst else f"{best}–{worst}",
                f"{number(row['audc'])} {interval(row['low'], row['high'])}",
                ", ".join(worse) or "–",
            ]
        )
    return lines


def _limits(domain: str, ranks: Ranks) -> list[str]:
    """What limits a ranking: too few groups, and groups that are left out."""
    where = f"Domain {domain}: " if domain else ""
    groups = int(ranks.models["groups"].iloc[0])
    left_out = [f"{model} {number}" for model, number in ranks.left_out.items()]
    return [
        *([f"{where}{ranks.reason}"] if ranks.reason else []),
        *(
            [
                f"{where}The ranking is over the {count(groups, 'patient')} for whom every model has an answer at "
                f"every level. Patients without an answer, by model: {listed(left_out)}."
            ]
            if left_out
            else []
        ),
    ]
