"""Names of uploads are cleaned, and an upload is one layer."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import UploadError
from api.uploads import Upload, choose_files, clean_name, store_upload


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("社区.shp", "社区.shp"),
        ("../../etc/passwd.shp", "passwd.shp"),
        (r"C:\temp\网格 (2).zip", "网格 (2).zip"),
        ("a\x00b\n.csv", "a_b_.csv"),
        (".hidden.shp", "hidden.shp"),
        ("con.shp", "_con.shp"),
        ("a?b*c.shp", "a_b_c.shp"),
        ("~x%41.shp", "_x_41.shp"),
        ("\u202egnp.shp", "gnp.shp"),
        ("nosuffix", ""),
        ("..", ""),
        ("", ""),
    ],
)
def test_names_are_cleaned(name, cleaned):
    assert clean_name(name) == cleaned


@given(st.text(max_size=300))
def test_no_name_leaves_its_folder(name):
    cleaned = clean_name(name)
    assert "/" not in cleaned
    assert "\\" not in cleaned
    assert cleaned not in (".", "..")
    assert len(cleaned.encode()) <= 400
    assert clean_name(cleaned) == cleaned


def test_long_names_are_cut_but_keep_their_suffix():
    cleaned = clean_name("网" * 200 + ".shp")
    assert cleaned.endswith("网.shp")
    assert len(cleaned.encode()) <= 180


def test_parts_belong_to_their_shapefile():
    main, used = choose_files(["a.shp", "A.DBF", "a.prj", "b.dbf", "a.sbn"])
    assert (main, used) == ("a.shp", ["a.shp", "A.DBF", "a.prj"])
    assert choose_files(["x.zip", "readme.txt"]) == ("x.zip", ["x.zip"])


@pytest.mark.parametrize("names", [[], ["a.dbf"], ["a.shp", "b.shp"], ["a.zip", "a.shp"]])
def test_other_uploads_are_refused(names):
    with pytest.raises(UploadError):
        choose_files(names)


def test_upload_is_stored_in_a_folder_of_its_own(tmp_path):
    uploads = [
        Upload("d/a.shp", io.BytesIO(b"1")),
        Upload("a.dbf", io.BytesIO(b"2")),
        Upload("x.txt", io.BytesIO(b"3")),
    ]
    stored = store_upload(uploads, tmp_path)
    assert stored.folder.parent == tmp_path
    assert {path.name: path.read_bytes() for path in stored.folder.iterdir()} == {"a.shp": b"1", "a.dbf": b"2"}
    assert stored.main == stored.folder / "a.shp"
    assert stored.ignored == ("x.txt",)


def test_failed_upload_leaves_nothing(tmp_path):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        store_upload([Upload("a.csv", Broken())], tmp_path)
    with pytest.raises(UploadError):
        store_upload([Upload("a.csv", io.BytesIO()), Upload("A.csv", io.BytesIO())], tmp_path)
    assert list(tmp_path.iterdir()) == []
