"""Colour tables: applied as other programs apply them, written whole, read with care."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from hub.errors import ImageError, ParameterError
from hub.images import to_image, to_tensor
from methods.fast_photo.cube import LARGEST, check_new_cube, read_cube, write_cube
from methods.fast_photo.lut import apply_lut, apply_tetrahedral, hald_clut, identity_lut


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
    assert (read_cube(tmp_path / "a.cube").stages[0].values - lut).abs().max() < 1e-6


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


POINTS = (0.0, 0.5, 1.0)
CUBE = "".join(f"{r * r} {(r + g) / 2} {b - 0.5}\n" for b in POINTS for g in POINTS for r in POINTS)
IDENTITY = "".join(f"{r} {g} {b}\n" for b in (0, 1) for g in (0, 1) for r in (0, 1))
CURVES = "0 0 0\n.5 .25 5e-1\n1 1 +1.\n"
COLOURS = ((0.2, 0.4, 0.7), (0.9, 0.55, 0.1), (0.05, 1.0, 0.33))
# What OpenColorIO 2.6 makes of COLOURS with each table; of the last five, which it does not read, what the words mean.
SHAPED = ((0.1, 0.2, 0.2), (0.85, 0.6125, -0.4), (0.025, 0.525, -0.17))
TABLES = {
    "a 3-D table": ("LUT_3D_SIZE 3\n" + CUBE, ((0.1, 0.3, 0.2), (0.85, 0.725, -0.4), (0.025, 0.525, -0.17))),
    "no word in front": ("LUT_3D_SIZE 2\n" + IDENTITY, COLOURS),
    "Resolve's range": (
        "LUT_3D_SIZE 3\nLUT_3D_INPUT_RANGE 0.0 2.0\n" + CUBE,
        ((0.05, 0.15, -0.15), (0.225, 0.3625, -0.45), (0.0125, 0.2625, -0.335)),
    ),
    "Adobe's range": (
        "LUT_3D_SIZE 2\nDOMAIN_MIN 0 -1 0\nDOMAIN_MAX 1 2 4\n" + IDENTITY,
        ((0.2, 0.466667, 0.175), (0.9, 0.516667, 0.025), (0.05, 0.666667, 0.0825)),
    ),
    "a range of curves that are not there": ("LUT_3D_SIZE 2\nLUT_1D_INPUT_RANGE 0 2\n" + IDENTITY, COLOURS),
    "values above 1": ("LUT_3D_SIZE 2\n" + IDENTITY.replace("1", "2"), tuple(tuple(2 * v for v in c) for c in COLOURS)),
    "curves": ("LUT_1D_SIZE 3\n" + CURVES, ((0.2, 0.2, 0.7), (0.9, 0.325, 0.1), (0.05, 1.0, 0.33))),
    "curves for 0 to 2": (
        "LUT_1D_SIZE 3\nLUT_1D_INPUT_RANGE 0 2\n" + CURVES,
        ((0.1, 0.1, 0.35), (0.45, 0.1375, 0.05), (0.025, 0.25, 0.165)),
    ),
    "curves, a range for each channel": (
        "LUT_1D_SIZE 3\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 2 2 1\n" + CURVES,
        ((0.1, 0.1, 0.7), (0.45, 0.1375, 0.1), (0.025, 0.25, 0.33)),
    ),
    "curves before a 3-D table": ("LUT_1D_SIZE 3\nLUT_3D_SIZE 3\n" + CURVES + CUBE, SHAPED),
    "curves before a 3-D table, each with a range": (
        "LUT_1D_SIZE 3\nLUT_1D_INPUT_RANGE 0 2\nLUT_3D_SIZE 2\nLUT_3D_INPUT_RANGE 0 2\n" + CURVES + IDENTITY,
        ((0.05, 0.05, 0.175), (0.225, 0.06875, 0.025), (0.0125, 0.125, 0.0825)),
    ),
    "comments, a title with a #, empty lines": (
        '# a\n\nTITLE "Look #1"\n LUT_3D_SIZE 2\n#LUT data points\n' + IDENTITY.replace("\n", "\n\n# b\n"),
        COLOURS,
    ),
    "a title with other ends of lines": ('TITLE "a\u2028b\x0bc\x85d"\nLUT_3D_SIZE 2\n' + IDENTITY, COLOURS),
    "words about other things, the end of a file as in DOS": (
        'COPYRIGHT "x"\nLUT_3D_SIZE 2\nCREATED_BY someone\n' + IDENTITY + "\x1a",
        COLOURS,
    ),
    "tabs and spaces": (
        'TITLE\t"x"\n\tLUT_3D_SIZE \t 2  \nDOMAIN_MIN\t0\t0 0\n' + IDENTITY.replace(" ", "\t  "),
        COLOURS,
    ),
    "a byte order mark and CRLF": (("\ufeffLUT_3D_SIZE 2\n" + IDENTITY).replace("\n", "\r\n"), COLOURS),
    "small letters": ("lut_3d_size 2\n" + IDENTITY, COLOURS),
    "comments after numbers": ("LUT_3D_SIZE 2 # points\n" + IDENTITY.replace("\n", " # c\n"), COLOURS),
    "lines as on old Macs": (("LUT_3D_SIZE 2\n" + IDENTITY).replace("\n", "\r"), COLOURS),
    "Adobe's range and Resolve's curves": (
        "LUT_1D_SIZE 3\nLUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 2 2 1\n" + CURVES + IDENTITY,
        ((0.1, 0.1, 0.7), (0.45, 0.1375, 0.1), (0.025, 0.25, 0.33)),
    ),
    "video range in and out": ("LUT_3D_SIZE 2\nLUT_IN_VIDEO_RANGE\nLUT_OUT_VIDEO_RANGE\n" + IDENTITY, COLOURS),
    "video range out": (
        "LUT_1D_SIZE 2\nLUT_OUT_VIDEO_RANGE\n0 0 0\n1 1 1\n",
        tuple(tuple((255 * v - 16) / 219 for v in c) for c in COLOURS),
    ),
}


@pytest.mark.parametrize("kind", TABLES)
def test_what_other_programs_write_is_read(tmp_path: Path, kind: str) -> None:
    text, wanted = TABLES[kind]
    (tmp_path / "a.cube").write_bytes(text.encode())
    pixels = torch.tensor(COLOURS).T[None, :, None]
    for interpolation in ("trilinear", "tetrahedral"):
        found = read_cube(tmp_path / "a.cube")(pixels, interpolation)[0, :, 0].T
        assert torch.allclose(found, torch.tensor(wanted), atol=1e-5)


def test_a_word_that_is_not_known_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.cube").write_text("COPYRIGHT me\nLUT_3D_SIZE 2\n" + IDENTITY)
    read_cube(tmp_path / "a.cube")
    assert caplog.messages == ["a.cube says COPYRIGHT, which is not known and changes nothing."]


def test_utf_16_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.cube").write_bytes(("LUT_3D_SIZE 2\n" + IDENTITY).encode("utf-16"))
    assert read_cube(tmp_path / "a.cube").size == 2


def test_tetrahedral_interpolation_is_that_of_the_corners_on_the_way() -> None:
    lut = torch.zeros(1, 3, 2, 2, 2)
    lut[0, 0, 0, 1, 1], lut[0, 1, 0, 0, 1], lut[0, 2, 1, 1, 1] = 1, 1, 1  # yellow, red, white
    found = apply_tetrahedral(lut, torch.tensor([0.9, 0.5, 0.2]).view(1, 3, 1, 1)).flatten()
    assert torch.allclose(found, torch.tensor([0.3, 0.4, 0.2]))
    points = torch.rand(1, 3, 4, 5, generator=torch.manual_seed(0))
    assert torch.allclose(apply_tetrahedral(identity_lut(7)[None], points), points, atol=1e-6)


def test_a_hald_clut_is_known_among_photos(photo: Image.Image) -> None:
    for level in (2, 4, 8):
        warm = identity_lut(level**2) * torch.tensor([1.0, 0.8, 0.5]).view(3, 1, 1, 1)
        found = hald_clut(to_image(warm.view(3, level**3, level**3)))
        assert found is not None
        assert (found.stages[0].values - warm).abs().max() <= 0.51 / 255
        assert found.size == level**2
    for look in (
        lambda c: 1 - (2 * c - 1).abs(),
        lambda c: (1 - (2 * c.mean(0, keepdim=True) - 1).abs()).expand(3, -1, -1, -1),
    ):
        solarised = look(identity_lut(16)).contiguous()
        found = hald_clut(to_image(solarised.view(3, 64, 64)))
        assert found is not None
        assert (found.stages[0].values - solarised).abs().max() <= 0.51 / 255
    for side in (8, 27, 64, 125, 343):
        assert hald_clut(photo.resize((side, side))) is None
    square = photo.resize((512, 512))
    sunset = Image.linear_gradient("L").resize((512, 512)).convert("RGB")
    for other in (photo, square, sunset, sunset.rotate(90), Image.new("RGB", (64, 64), "red")):
        assert hald_clut(other) is None


GOOD = '# a comment\nTITLE "x"\n\nLUT_3D_SIZE 2\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1.0 1 1\n' + "0.5 .25 1e-1\n" * 8


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "LUT_3D_SIZE"),
        ("\x89PNG\r\n\x1a\n" + "\0" * 100, "unknown line"),
        (GOOD[:-6], "7 colours|unknown line"),
        (GOOD + "0 0 0\n", "9 colours"),
        (GOOD.replace("SIZE 2", "SIZE 1"), "LUT_3D_SIZE '1'"),
        (GOOD.replace("SIZE 2", f"SIZE {LARGEST + 1}"), "has the LUT_3D_SIZE"),
        (GOOD.replace("SIZE 2", "SIZE 99999999999"), "has the LUT_3D_SIZE"),
        (GOOD.replace("LUT_3D_SIZE", "LUT_1D_SIZE"), "8 colours instead of 2"),
        (GOOD.replace("MAX 1.0", "MAX -1"), "range of input is empty"),
        (GOOD.replace("MAX 1.0 1 1", "MAX 1.0"), "unknown line"),
        (GOOD.replace("TITLE", "LUT_4D_SIZE"), "unknown line"),
        (GOOD.replace(".25", "nan"), "NaN or infinity"),
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
