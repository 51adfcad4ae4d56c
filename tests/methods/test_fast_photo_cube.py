"""Colour tables: applied as other programs apply them, written whole, read with care."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from hub.errors import ImageError, ParameterError
from hub.images import to_image, to_tensor
from methods.fast_photo.cube import LARGEST, apply_lut, check_new_cube, identity_lut, read_cube, write_cube


def bent(size: int) -> torch.Tensor:
    """A table with a colour of its own at every point."""
    torch.manual_seed(0)
    return (identity_lut(size) * 0.8 + 0.2 * torch.rand(3, size, size, size)).clamp(0, 1)


def test_the_identity_changes_no_colour(photo: Image.Image) -> None:
    pixels = to_tensor(photo)
    for size in (2, 17, 33):
        assert np.array_equal(to_image(apply_lut(identity_lut(size)[None], pixels)), photo)


def test_a_table_reads_back_as_it_was_written(tmp_path: Path) -> None:
    lut = bent(5)
    write_cube(tmp_path / "a.cube", lut, 'With "quotes"\nand lines')
    text = (tmp_path / "a.cube").read_text()
    assert text.startswith('TITLE "With quotesand lines"\nLUT_3D_SIZE 5\n')
    assert (read_cube(tmp_path / "a.cube") - lut).abs().max() < 1e-6


def test_red_varies_fastest(tmp_path: Path) -> None:
    write_cube(tmp_path / "a.cube", identity_lut(2), "")
    colours = [line for line in (tmp_path / "a.cube").read_text().splitlines() if line[0].isdigit()]
    assert colours[1] == "1.000000 0.000000 0.000000"
    assert colours[4] == "0.000000 0.000000 1.000000"


def test_another_program_makes_the_same_colours_of_it(tmp_path: Path, photo: Image.Image) -> None:
    lut = bent(9)
    write_cube(tmp_path / "a.cube", lut, "test")
    lines = (tmp_path / "a.cube").read_text().splitlines()
    size = int(next(line for line in lines if line.startswith("LUT_3D_SIZE")).split()[1])
    colours = [tuple(map(float, line.split())) for line in lines if line[0].isdigit()]
    theirs = np.asarray(photo.filter(ImageFilter.Color3DLUT(size, colours)), np.int16)
    ours = np.asarray(to_image(apply_lut(lut[None], to_tensor(photo))), np.int16)
    assert np.abs(theirs - ours).max() <= 1


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.cube"
    path.write_text("mine")
    with pytest.raises(ImageError, match="exists"):
        write_cube(path, identity_lut(2), "")
    with pytest.raises(ParameterError, match="exists and is kept"):
        check_new_cube(path, "--lut")
    assert path.read_text() == "mine"
    with pytest.raises(ParameterError, match=r"\.cube file"):
        check_new_cube(tmp_path / "a.png", "--lut")
    with pytest.raises(ParameterError, match="no folder"):
        check_new_cube(tmp_path / "nowhere" / "a.cube", "--lut")


GOOD = '# a comment\nTITLE "x"\n\nLUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1.0 1 1\n' + "0.5 .25 1e-1\n" * 8


def test_what_other_programs_write_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.cube"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert torch.allclose(read_cube(path)[:, 1, 0, 1], torch.tensor([0.5, 0.25, 0.1]))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "LUT_3D_SIZE"),
        ("\x89PNG\r\n\x1a\n" + "\0" * 100, "unknown line"),
        (GOOD[:-6], "7 colours|unknown line"),
        (GOOD + "0 0 0\n", "9 colours"),
        (GOOD.replace("SIZE 2", "SIZE 1"), "the size '1'"),
        (GOOD.replace("SIZE 2", f"SIZE {LARGEST + 1}"), "has the size"),
        (GOOD.replace("SIZE 2", "SIZE 99999999999"), "has the size"),
        (GOOD.replace("LUT_3D_SIZE", "LUT_1D_SIZE"), "1-D"),
        (GOOD.replace("MAX 1.0", "MAX 4.0"), "outside of 0 to 1"),
        (GOOD.replace(".25", "nan"), "unknown line"),
        (GOOD.replace(".25", "1e999"), "NaN or infinity"),
        (GOOD.replace("0.5 .25 1e-1\n", "0.5 .25\n", 1), "unknown line"),
    ],
)
def test_what_is_no_table_is_refused_in_one_sentence(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "broken.cube"
    path.write_text(text)
    with pytest.raises(ImageError, match=reason) as error:
        read_cube(path)
    assert "\n" not in str(error.value)
    assert "broken.cube" in str(error.value)


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.cube", tmp_path):
        with pytest.raises(ImageError, match="cannot be read"):
            read_cube(path)
