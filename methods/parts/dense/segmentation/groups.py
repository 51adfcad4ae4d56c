"""The ten groups of objects of scene parsing, and their colours in a mask."""

from typing import NamedTuple


class Group(NamedTuple):
    """A group of objects; style is transferred within a group."""

    name: str
    title: str
    color: tuple[int, int, int]


# In the order of the network's outputs.
GROUPS = (
    Group("sky", "Sky", (120, 190, 255)),
    Group("building", "Buildings, walls", (170, 120, 90)),
    Group("tree", "Trees, plants", (20, 110, 40)),
    Group("ground", "Ground, floors", (150, 150, 150)),
    Group("grass", "Grass, fields", (140, 220, 60)),
    Group("water", "Water", (20, 60, 200)),
    Group("mountain", "Mountains, rocks", (110, 60, 140)),
    Group("person", "People", (240, 60, 60)),
    Group("vehicle", "Vehicles", (250, 210, 30)),
    Group("thing", "Things, animals", (250, 130, 200)),
)

OTHER = "thing"

# The short names of the classes of ADE20K (Zhou et al. 2017) that are not in the group "thing".
ADE_GROUPS = {
    name: group
    for group, names in {
        "sky": ["sky"],
        "building": [
            *("wall", "building", "ceiling", "windowpane", "door", "house", "fence", "column", "skyscraper"),
            *("grandstand", "screen door", "bridge", "hovel", "tower", "awning", "booth", "pole", "bannister"),
            *("stage", "canopy", "tent", "pier", "railing", "signboard", "arcade machine", "streetlight"),
        ],
        "tree": ["tree", "plant", "flower", "palm"],
        "ground": [
            *("floor", "road", "sidewalk", "earth", "rug", "sand", "path", "runway", "dirt track", "land"),
            *("stairs", "stairway", "step", "escalator"),
        ],
        "grass": ["grass", "field"],
        "water": ["water", "sea", "river", "lake", "swimming pool", "waterfall", "fountain"],
        "mountain": ["mountain", "hill", "rock"],
        "person": ["person"],
        "vehicle": ["car", "boat", "bus", "truck", "airplane", "van", "ship", "minibike", "bicycle"],
    }.items()
    for name in names
}
