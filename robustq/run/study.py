"""Runs a study: models x seeds x data are trained, stressed, analysed and tested in every domain."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from robustq.dataset import AbstractDataset
from robustq.errors import RequestError, StorageError
from robustq.metric import parse_metrics
from robustq.one_writer import one_writer
from robustq.request.study import StudyRequest, read_study, short_name
from robustq.results.study import Study
from robustq.results.study_file import Step, StudyFile
from robustq.run.analyse import analyse, check_analysis
from robustq.run.kept_training import digest_of
from robustq.run.shift import shift
from robustq.run.stress import stress
from robustq.run.study_data import StudyData
from robustq.run.study_priors import StudyPrior
from robustq.run.study_progress import StudyProgress
from robustq.run.study_trainings import StudyTraining
from robustq.training.recipe import AFTER, Recipe
from robustq.training.train import Epoch, train
from robustq.whole_file import in_words

Part = Callable[[int, int], object]
"""Called with how far a step is, and the whole of it, when everything computed is written."""

Work = Callable[[Part], Step]
"""Does a step, and says how it ended."""

Network = StudyTraining | StudyPrior
"""A network of a study, with a prior that is fitted to its codes or without one."""


def study(
    request: str | os.PathLike[str] | Mapping[str, Any],
    *,
    out: str | os.PathLike[str] | None = None,
    settings: Sequence[str] = (),
    device: str = "auto",
    executor: str = "local",
    on_note: Callable[[str], object] = lambda note: None,
    on_progress: Callable[[StudyProgress], object] = lambda progress: None,
) -> Study:
    """Train, stress and analyse a grid of models, training seeds and data, and make the tables over all of them.

    What is finished in the folder is not computed again: a training is known by all that determines it, a run by its
    trainings, data and settings. A study that was killed goes on when it is called again. A step that fails is
    recorded, and the others go on.

    Args:
        request: a study file (TOML), or a mapping with the same contents.
        out: folder of the study; by default `runs/` and the name of the study.
        settings: texts such as "data.train=PATH", which replace entries of the file.
        device: device of trainings and runs.
        executor: where the runs are computed.
        on_note: called with each sentence on a step.
        on_progress: called when a step begins, and with each epoch or batch of pieces that is written.

    Returns:
        The study, with its bundles, runs and tables. `failures` says what could not be done.

    Raises:
        RequestError: the file is wrong, a dataset cannot be opened, or another process writes into the folder.
        StorageError: the disk is full, can only be read, or is gone.
    """
    asked = read_study(request, settings)
    folder = Path("runs", short_name(asked.name)) if out is None else Path(out)
    for measured in (asked.stress, asked.shift or {}):
        parse_metrics(measured.get("metrics", "dice"))
    if asked.analyse is not None:
        check_analysis(asked.analyse)
    data = StudyData(
        tuple(dict.fromkeys((*asked.train, *asked.test, *(asked.domains if asked.shift is not None else ()))))
    )
    trainings = [
        StudyTraining(model, text, seed, data, folder / "trainings", device)
        for text in asked.train
        for seed in asked.seeds
        for model in asked.models
    ]
    for training in trainings[: len(asked.models)]:  # what no training could do is refused before the first one
        training.check()
    networks = trainings if asked.prior is None else _with_priors(trainings, asked.prior, len(asked.models), on_note)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise in_words(folder, error) from error
    steps = _Steps(asked, data, trainings, networks, folder, {"device": device, "executor": executor}, on_note)
    with one_writer(folder):
        record = StudyFile(asked.name, asked.baseline, [])
        planned = steps.planned()
        for number, (step, work) in enumerate(planned):
            at = StudyProgress(number, len(planned), step.name)
            on_progress(at)
            ended = _ended(step, work, _reporting(at, on_progress))
            if ended.reason:
                on_note(f"{step.name} failed: {ended.reason}")
            record.steps.append(ended)
            record.write(folder)
        on_progress(StudyProgress(len(planned), len(planned), "tables and page"))
        return Study(folder)


def _with_priors(
    trainings: Sequence[StudyTraining],
    keywords: Mapping[str, Any],
    models: int,
    on_note: Callable[[str], object],
) -> list[Network]:
    """The networks of a study, with a prior wherever one can be fitted.

    Args:
        trainings: the trainings; the first ones are those of the models, one each.
        keywords: keywords of the `Recipe` of a prior.
        models: number of models.
        on_note: called with a sentence on each model that gets no prior.

    Raises:
        RequestError: no model can have a prior, or the recipe cannot be used.
    """
    Recipe(**keywords, prior=AFTER)  # refuses what no training could do
    priors = [StudyPrior(training, keywords) for training in trainings]
    refusals = {prior.model.name: prior.refusal for prior in priors[:models]}
    if all(refusals.values()):
        raise RequestError("no model of the study can have a prior fitted to its codes: leave out [prior]")
    for name, refusal in refusals.items():
        if refusal:
            on_note(f"No prior is fitted to the codes of {name}: {refusal}.")
    return [prior.training if refusals[prior.model.name] else prior for prior in priors]


def _reporting(at: StudyProgress, on_progress: Callable[[StudyProgress], object]) -> Part:
    return lambda part, parts: on_progress(replace(at, part=part, parts=parts))


def _ended(step: Step, work: Work, part: Part) -> Step:
    """The step as it ended. Only a disk that stops the work, and the user, end the study."""
    try:
        return work(part)
    except StorageError:
        raise
    except RequestError as error:
        return replace(step, reason=str(error))
    except Exception as error:
        return replace(step, reason=f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class _Steps:
    """The steps of a study, in their order.

    Attributes:
        asked: the study file.
        data: the datasets that it names.
        trainings: every model with every seed on every training set.
        networks: for each training, what is shown to the test data: its network, or that with a prior.
        folder: folder of the study.
        shared: settings of all runs.
        on_note: called with each sentence on a step.
    """

    asked: StudyRequest
    data: StudyData
    trainings: Sequence[StudyTraining]
    networks: Sequence[Network]
    folder: Path
    shared: Mapping[str, Any]
    on_note: Callable[[str], object]

    def planned(self) -> list[tuple[Step, Work]]:
        """Each step as it fails, and the work that does it: trainings and priors first, then runs, then the domains."""
        asked = self.asked
        priors = [network for network in self.networks if isinstance(network, StudyPrior)]
        trained: list[Network] = [*self.trainings, *priors]
        steps = [self._train(network) for network in trained]
        for train_set in asked.train:
            for test_set in asked.test:
                for seed in asked.seeds:
                    chosen = [one for one in self.networks if (one.train, one.seed) == (train_set, seed)]
                    steps.append(self._stress(chosen, test_set, seed))
                    if asked.analyse is not None:
                        steps.append(self._analyse(chosen, test_set, seed, asked.analyse))
        return steps if asked.shift is None else [*steps, self._shift(asked.shift)]

    def _train(self, network: Network) -> tuple[Step, Work]:
        kind, name = ("train", "training ") if isinstance(network, StudyTraining) else ("prior", "")
        step = Step(kind, name + network.name, train=network.train, models={network.model.name: network.model.name})

        def work(part: Part) -> Step:
            kept, recipe = network.kept, network.recipe
            done = replace(step, directory=kept.bundle.parent.relative_to(self.folder).as_posix())
            if kept.is_done:
                self.on_note(f"{step.name} was finished before, in {kept.bundle.parent}.")
                return done
            fresh = network.fresh()
            kept.note()

            def on_epoch(epoch: Epoch) -> None:
                part(epoch.epoch, recipe.epochs)

            train(fresh, self.data[network.train], kept.bundle, recipe, on_epoch=on_epoch, on_note=self.on_note)
            return done

        return step, work

    def _stress(self, chosen: Sequence[Network], test: str, seed: int) -> tuple[Step, Work]:
        step = Step("stress", f"stress of seed {seed}, {_places(chosen, test)}", train=chosen[0].train, test=test)
        return step, partial(self._run, step, chosen, [test], seed, self.asked.stress, _stressed)

    def _analyse(
        self, chosen: Sequence[Network], test: str, seed: int, settings: Mapping[str, Any]
    ) -> tuple[Step, Work]:
        step = Step("analyse", f"analysis of seed {seed}, {_places(chosen, test)}", train=chosen[0].train, test=test)
        return step, partial(self._run, step, chosen, [test], seed, settings, _analysed)

    def _shift(self, settings: Mapping[str, Any]) -> tuple[Step, Work]:
        sets = list(self.asked.domains)
        step = Step("shift", "every model in every domain", train=", ".join(self.asked.train), test=", ".join(sets))
        return step, partial(self._run, step, self.networks, sets, None, settings, shift)

    def _run(
        self,
        step: Step,
        chosen: Sequence[Network],
        tests: Sequence[str],
        seed: int | None,
        settings: Mapping[str, Any],
        command: Callable[..., object],
        part: Part,
    ) -> Step:
        """Show the test data to the networks that are trained, with the rows in a directory of the study.

        Args:
            step: the step, without its directory.
            chosen: the trainings of its networks.
            tests: texts of the test data.
            seed: the training seed, which is part of the directory's name; None where there are several.
            settings: settings of the command.
            command: takes models, a list of datasets, and settings.
            part: called with how far the step is.
        """
        models = self._finished(chosen)
        begun = self._begun(step, models, tests, seed, settings)
        command(
            {name: network.kept.bundle for name, network in models.items()},
            [self.data[text] for text in tests],
            out=self.folder / begun.directory,
            on_progress=lambda progress: part(progress.done, progress.total),
            **self.shared,
            **settings,
        )
        return begun

    def _finished(self, chosen: Sequence[Network]) -> dict[str, Network]:
        """The networks that are finished, by their names in a run.

        Raises:
            RequestError: none is finished.
        """
        several_sets = len({network.train for network in chosen}) > 1
        models = {}
        for network in chosen:
            words = [
                network.model.name,
                *([short_name(network.train)] if several_sets else []),
                f"seed{network.seed}",
            ]
            try:
                if network.kept.is_done:
                    models[" ".join(words)] = network
            except RequestError:  # the network cannot be made, which its training says
                continue
        if not models:
            raise RequestError("none of its models was trained")
        return models

    def _begun(
        self,
        step: Step,
        models: Mapping[str, Network],
        tests: Sequence[str],
        seed: int | None,
        settings: Mapping[str, Any],
    ) -> Step:
        """The step with its directory, whose name changes when models, data or settings do."""
        known = {
            "models": {name: network.kept.digest for name, network in models.items()},
            "data": [self.data.digest(text) for text in tests],
            "settings": dict(settings),
        }
        places = [] if seed is None else [*dict.fromkeys((step.train, step.test)), f"seed{seed}"]
        words = "-".join(map(short_name, [step.kind, *places, digest_of(known)[:8]]))
        names = {name: network.model.name for name, network in models.items()}
        return replace(step, directory=f"runs/{words}", models=names)


def _stressed(models: Mapping[str, Path], data: Sequence[AbstractDataset], **settings: Any) -> None:
    stress(models, data[0], **settings).draw()


def _analysed(models: Mapping[str, Path], data: Sequence[AbstractDataset], **settings: Any) -> None:
    analyse(models, data[0], **settings)


def _places(chosen: Sequence[Network], test: str) -> str:
    train_set = chosen[0].train
    return f"trained and tested on {test}" if train_set == test else f"trained on {train_set}, tested on {test}"
