"""Storage: what is saved comes back, bit for bit, and damage is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import statarb as sa


@pytest.fixture
def panel() -> sa.Panel:
    return sa.simulate_market(assets=23, days=1.5, seed=3)


def test_everything_comes_back(panel: sa.Panel, tmp_path: Path) -> None:
    panel.save(tmp_path / "market.parquet")
    back = sa.Panel.load(tmp_path / "market.parquet")
    assert back.equals(panel)
    assert back.digest() == panel.digest()
    assert back.metadata == panel.metadata
    assert back.table.equals(panel.table)
    assert back.numeraire == panel.numeraire == 1442
    assert back.array("volume").dtype == np.float32
    assert back.step == panel.step
    assert [file.name for file in tmp_path.iterdir()] == ["market.parquet"], (
        "no temporary file is left"
    )


def test_parts_imputed_and_irregular_panels_come_back(panel: sa.Panel, tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    rng = np.random.default_rng(0)
    irregular = pd.DataFrame(
        {"a": [1.0, 2.0, np.nan], "b": [np.nan, np.nan, 4.0]},
        index=pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-05"]),
    )
    for part in (
        panel.window(panel.grid[200], 50),
        panel.between(panel.grid[100], panel.grid[300]),
        panel.with_arrays(
            {"price": panel.last_known()},
            observed=rng.random(panel.array().shape) < 0.5,
            imputation="lvcf",
            looks_ahead=True,
        ),
        sa.Panel.from_frame(irregular, numeraire="a"),
    ):
        part.save(path)
        back = sa.Panel.load(path)
        assert back.equals(part)
        assert back.digest() == part.digest()
        assert (back.now, back.numeraire, back.imputation, back.looks_ahead) == (
            part.now,
            part.numeraire,
            part.imputation,
            part.looks_ahead,
        )


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25
)
@given(
    values=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 7), st.integers(1, 4)),
        elements=st.floats(1e-300, 1e300),
    ),
    data=st.data(),
)
def test_any_positive_prices_come_back(
    values: np.ndarray, data: st.DataObject, tmp_path: Path
) -> None:
    gaps = data.draw(hnp.arrays(bool, values.shape))
    values = np.where(gaps, np.nan, values)
    if np.isnan(values).all():
        return
    panel = sa.Panel.from_frame(
        pd.DataFrame(values, index=pd.date_range("2018", periods=len(values), freq="5min"))
    )
    panel.save(tmp_path / "any.parquet")
    assert sa.Panel.load(tmp_path / "any.parquet").equals(panel)


def test_damage_is_seen(panel: sa.Panel, tmp_path: Path) -> None:
    path = tmp_path / "market.parquet"
    panel.save(path)
    whole = path.read_bytes()
    messages: list[str] = []
    for place in range(64, len(whole) - 8, len(whole) // 40):
        damaged = bytearray(whole)
        damaged[place] ^= 0x20
        path.write_bytes(damaged)
        try:
            back = sa.Panel.load(path)
        except sa.DataError as error:
            messages.append(str(error))
        else:
            # Parquet holds bytes that mean nothing to a panel (statistics, offsets): the content is
            # still the same.
            assert back.equals(panel)
            assert back.digest() == panel.digest()
    assert len(messages) >= 30
    assert all(str(path) in message for message in messages)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(sa.DataError, match="cannot be read as a panel"):
        sa.Panel.load(path)


def test_content_changed_behind_the_checksum_is_refused(panel: sa.Panel, tmp_path: Path) -> None:
    path = tmp_path / "market.parquet"
    panel.save(path)
    table = pq.read_table(path)
    flat = table["price"].combine_chunks().flatten().to_numpy(zero_copy_only=False).copy()
    flat[np.flatnonzero(~np.isnan(flat))[0]] *= 1.0000001
    column = pa.FixedSizeListArray.from_arrays(pa.array(flat), len(panel.assets))
    changed = table.set_column(
        table.schema.get_field_index("price"), table.schema.field("price"), column
    )
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(sa.DataError, match="does not match its checksum"):
        sa.Panel.load(path)


def test_files_that_are_no_panel(tmp_path: Path) -> None:
    with pytest.raises(sa.DataError, match="no such file"):
        sa.Panel.load(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(sa.DataError, match="no Parquet file at all"):
        sa.Panel.load(tmp_path / "text.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(sa.DataError, match="is Parquet, but no panel"):
        sa.Panel.load(tmp_path / "other.parquet")


def test_what_cannot_be_saved(panel: sa.Panel, tmp_path: Path) -> None:
    with pytest.raises(sa.DataError, match="cannot write"):
        panel.save(tmp_path / "nowhere" / "market.parquet")
    panel.metadata["thing"] = object()
    with pytest.raises(sa.DataError, match="what JSON can hold"):
        panel.save(tmp_path / "market.parquet")
    assert list(tmp_path.iterdir()) == []
    dated = sa.Panel.from_frame(
        pd.DataFrame(
            {pd.Timestamp("2020"): [1.0, 2.0]}, index=pd.date_range("2018", periods=2, freq="5min")
        )
    )
    with pytest.raises(sa.DataError, match="integers or text"):
        dated.save(tmp_path / "market.parquet")
