"""The ten groups that a scene is parsed into, and the colours they have in a mask."""

from typing import NamedTuple


class Group(NamedTuple):
    """A group of things that trade styles among themselves."""

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
