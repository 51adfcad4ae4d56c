"""Where the paintings hang: the museum's own page of each, where we are certain of it. Only a click opens one."""

MUSEUMS: dict[str, tuple[str, str]] = {
    "el-greco-view-of-toledo": (
        "The Metropolitan Museum of Art, New York",
        "https://www.metmuseum.org/art/collection/search/436575",
    ),
    "hokusai-great-wave": (
        "The Metropolitan Museum of Art, New York",
        "https://www.metmuseum.org/art/collection/search/45434",
    ),
    "kandinsky-composition-viii": ("Guggenheim Museum, New York", "https://www.guggenheim.org/artwork/1924"),
    "klimt-the-kiss": ("Belvedere, Vienna", "https://sammlung.belvedere.at/objects/6678/der-kuss-liebespaar"),
    "matisse-woman-with-a-hat": ("SFMOMA, San Francisco", "https://www.sfmoma.org/artwork/91.161/"),
    "morris-strawberry-thief": ("Victoria and Albert Museum, London", "https://collections.vam.ac.uk/item/O78889/"),
    "munch-the-scream": (
        "Nasjonalmuseet, Oslo",
        "https://www.nasjonalmuseet.no/en/collection/object/NG.M.00939",
    ),
    "picabia-edtaonisl": (
        "Art Institute of Chicago",
        "https://www.artic.edu/artworks/80062/edtaonisl-ecclesiastic",
    ),
    "seurat-la-grande-jatte": (
        "Art Institute of Chicago",
        "https://www.artic.edu/artworks/27992/a-sunday-on-la-grande-jatte-1884",
    ),
    "van-gogh-starry-night": ("Museum of Modern Art, New York", "https://www.moma.org/collection/works/79802"),
}
