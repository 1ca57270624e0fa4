import pytest
from tinyflow_runtime.components import BadRow, CsvReader, CsvReaderSettings


@pytest.fixture
def read(tmp_path, output):
    async def _read(text: str | bytes, **settings) -> None:
        path = tmp_path / "some.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        node = CsvReader()
        node.settings = CsvReaderSettings(str(path), **settings)
        await node.run(output)

    return _read


async def test_each_row_becomes_a_message_and_the_end_is_told(read, output):
    await read("name,age\nAda,36\nAlan,41\n")

    assert output.got == [("out", {"name": "Ada", "age": 36}), ("out", {"name": "Alan", "age": 41}), ("done", 2)]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("36", 36), ("-3", -3), ("3.5", 3.5), ("1e3", 1000.0), (" 7 ", 7), ("", None), ("0", 0), ("0.10", 0.1),
        ("007", "007"), ("1_000", "1_000"), ("nan", "nan"), ("1.", "1."), ("2012/01/01", "2012/01/01"),
        ("12345678901234567890", "12345678901234567890"), ("true", "true"),
    ],
)  # fmt: skip
async def test_only_what_is_plainly_a_number_becomes_one(read, output, cell, value):
    await read(f"a,b\nx,{cell}\n")

    got = output.on("out")[0]["b"]
    assert got == value
    assert type(got) is type(value)


async def test_without_numbers_every_cell_stays_text(read, output):
    await read("a,b\n1,\n", numbers=False)

    assert output.on("out") == [{"a": "1", "b": ""}]


async def test_a_row_with_too_few_or_too_many_cells_goes_another_way(read, output):
    await read("a,b\n1,2\n3\n4,5,6\n7,8\n")

    assert output.on("out") == [{"a": 1, "b": 2}, {"a": 7, "b": 8}]
    assert output.on("bad") == [BadRow(3, ["3"], 2), BadRow(4, ["4", "5", "6"], 2)]
    assert output.on("done") == [2]


async def test_quotes_line_breaks_a_mark_and_blank_lines_are_read_as_meant(read, output):
    await read('\ufeffname,says\n\nAda,"a, b\nand ""c"""\n')

    assert output.on("out") == [{"name": "Ada", "says": 'a, b\nand "c"'}]


async def test_other_delimiters_and_encodings_are_settings(read, output):
    await read("name;age\nJosé;5\n".encode("latin-1"), delimiter=";", encoding="latin-1")

    assert output.on("out") == [{"name": "José", "age": 5}]


async def test_an_empty_file_has_no_rows(read, output):
    await read("")

    assert output.got == [("done", 0)]


async def test_a_file_of_many_batches_comes_in_order(read, output):
    await read("n\n" + "".join(f"{number}\n" for number in range(1000)))

    assert [row["n"] for row in output.on("out")] == list(range(1000))


def test_rows_come_no_faster_than_asked(simulate, read, output):
    simulate(read("n\n1\n2\n3\n", a_second=2))

    assert output.times[:3] == pytest.approx([0.0, 0.5, 1.0])


async def test_a_file_that_is_not_there_is_named(output):
    node = CsvReader()
    node.settings = CsvReaderSettings("nowhere/some.csv")

    with pytest.raises(FileNotFoundError, match=r"nowhere/some\.csv"):
        await node.run(output)
