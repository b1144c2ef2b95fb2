"""Texts and files of any content: only our own two errors come out, never a library's."""

import json
import string
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

import robustq
from fuzz_targets import OPTIONS, TARGETS
from networks import small
from robustq.data.open_dataset import open_dataset
from robustq.errors import CaseError, RequestError
from robustq.model.bundle_file import read_spec
from robustq.model.spec import HEADER
from robustq.results.rows import to_table
from rows import row
from stored_runs import stored_run

FOLDERS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)

# Text that looks like what a reader expects reaches deeper than any text does.
WORDS = st.lists(
    st.one_of(
        st.sampled_from(
            [*("vq", "ema", "fsq", "none", "x", ":", ",", "=", "@", "+", "..", "-", "|", "1e999", "nan", "inf", "0")],
        ),
        st.sampled_from(["1024x256", "dice", "hd95", "gaussian", "pgd", "taylor", "loss=norm", "true", "[", "]", "{}"]),
        st.integers(-(10**20), 10**20).map(str),
        st.text(max_size=4),
    ),
    max_size=6,
).map("".join)


@pytest.mark.parametrize("reader", OPTIONS)
@given(text=WORDS)
@example(text="")
@example(text="\x00")
@example(text="phantom:cases=" + "9" * 5000)
def test_any_text_of_an_option_is_read_or_refused_in_a_sentence(reader: str, text: str) -> None:
    with suppress(RequestError):
        OPTIONS[reader](text)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)


CELLS = ("image", "label", "split", "a.png", "", '"', "\x00", "../a.png", "ü")


@pytest.fixture(scope="module")
def raw_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    for folder, name in (("imagesTr", "a_0000.png"), ("labelsTr", "a.png")):
        (root / folder).mkdir()
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(root / folder / name)
    return root


@FOLDERS
@given(
    document=st.one_of(
        JSON,
        st.fixed_dictionaries({"labels": st.dictionaries(st.text(max_size=4), JSON, max_size=3)}),
        st.fixed_dictionaries({"labels": st.dictionaries(st.sampled_from(["0", "1", "ignore", "lung"]), JSON)}),
    )
)
def test_any_dataset_json_is_read_or_refused(raw_folder: Path, document: object) -> None:
    (raw_folder / "dataset.json").write_text(json.dumps(document))
    with suppress(RequestError, CaseError):
        dataset = open_dataset(str(raw_folder))
        dataset.read(dataset.entries[0])


@FOLDERS
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.lists(
            st.lists(
                st.sampled_from(["image", "label", "split", "a.png", "", '"', "\x00", "../a.png", "ü"]), max_size=4
            ),
            max_size=4,
        ).map(lambda lines: "\n".join(map(",".join, lines)).encode()),
        st.text(string.printable, max_size=60).map(lambda text: f"image,label\n{text}".encode()),
    )
)
def test_any_table_is_read_or_refused(raw_folder: Path, content: bytes) -> None:
    (raw_folder / "table.csv").write_bytes(content)
    with suppress(RequestError, CaseError):
        dataset = open_dataset(f"csv:{raw_folder / 'table.csv'}")
        dataset.read(dataset.entries[0])


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    path = tmp_path_factory.mktemp("bundle") / "m.safetensors"
    small("4x2").save(path)
    document: dict[str, object] = read_spec(path).to_dict()
    return document


@FOLDERS
@given(data=st.data())
def test_any_header_of_a_bundle_is_read_or_refused(
    tmp_path: Path, spec: dict[str, object], data: st.DataObject
) -> None:
    changed = data.draw(st.dictionaries(st.sampled_from(sorted(spec)), JSON, min_size=1, max_size=2))
    header = data.draw(st.one_of(st.just(json.dumps(spec | changed)), JSON.map(json.dumps), st.text(max_size=20)))
    save_file({}, tmp_path / "m.safetensors", metadata={HEADER: header})
    with suppress(RequestError):
        robustq.load(tmp_path / "m.safetensors")


@FOLDERS
@given(content=st.one_of(st.binary(max_size=300), JSON.map(json.dumps).map(str.encode)))
def test_any_request_file_and_any_rows_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    run = tmp_path / "run"
    (run / "rows").mkdir(parents=True, exist_ok=True)
    (run / "run.json").write_bytes(content)
    with suppress(RequestError):
        robustq.Run(run).to_frame()
    (run / "run.json").write_text('{"asked": {}}')
    pq.write_table(to_table([]), run / "rows" / "000000.parquet")
    whole = (run / "rows" / "000000.parquet").read_bytes()
    (run / "rows" / "000000.parquet").write_bytes(whole[: len(content)] + content + whole[2 * len(content) :])
    with suppress(RequestError):
        robustq.Run(run).to_frame()


@pytest.mark.parametrize("text", [b"metric", b"dice"], ids=["name of a column", "value"])
def test_rows_with_a_text_that_is_no_utf_8_are_refused(tmp_path: Path, text: bytes) -> None:
    run = stored_run(tmp_path, [row(), row(level=10.0)])
    whole = (run / "results.parquet").read_bytes()
    assert text in whole
    (run / "results.parquet").write_bytes(whole.replace(text, b"\x9d" + text[1:]))
    with pytest.raises(RequestError, match="cannot be read"):
        robustq.Run(run).to_frame()


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_of_the_long_search_can_begin(tmp_path: Path, name: str) -> None:
    target = TARGETS[name](tmp_path)
    assert target.seeds
    for content in target.seeds:
        target(content)
