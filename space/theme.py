"""The theme: warm greys, one accent colour, and system fonts, so that the page downloads nothing."""

from pathlib import Path

from gradio.themes import Base, Color, sizes

CSS = Path(__file__).resolve().parent / "style.css"

_vermilion = Color(
    "#fdf3ef", "#fbe3da", "#f6c5b4", "#ee9e83", "#e27350", "#c8502c", "#b04324", "#91371f", "#73301f", "#5b281c",
    "#30120b", name="vermilion",
)  # fmt: skip
_plaster = Color(
    "#faf9f7", "#f3f1ed", "#e6e3dc", "#d1ccc2", "#a39d92", "#79736a", "#5c574f", "#45413b", "#2b2926", "#1c1b19",
    "#121110", name="plaster",
)  # fmt: skip


class Gallery(Base):
    """The light and dark theme; only the accent is coloured."""

    def __init__(self) -> None:
        super().__init__(
            primary_hue=_vermilion,
            secondary_hue=_vermilion,
            neutral_hue=_plaster,
            spacing_size=sizes.spacing_md,
            radius_size=sizes.radius_sm,
            text_size=sizes.text_md,
            font=["ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "sans-serif"],
            font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
        )
        self.name = "stylehub"
        self.set(
            body_background_fill="*neutral_50",
            body_background_fill_dark="*neutral_950",
            body_text_color="*neutral_900",
            body_text_color_dark="*neutral_100",
            body_text_color_subdued="*neutral_600",
            body_text_color_subdued_dark="*neutral_400",
            background_fill_primary="white",
            background_fill_primary_dark="*neutral_900",
            background_fill_secondary="*neutral_100",
            background_fill_secondary_dark="*neutral_950",
            block_background_fill="transparent",
            block_background_fill_dark="transparent",
            block_border_width="0px",
            block_shadow="none",
            block_label_background_fill="transparent",
            block_label_background_fill_dark="transparent",
            block_label_border_width="0px",
            block_label_text_color="*neutral_600",
            block_label_text_color_dark="*neutral_400",
            block_title_text_color="*neutral_800",
            block_title_text_color_dark="*neutral_200",
            block_title_text_weight="500",
            block_info_text_color="*neutral_600",
            block_info_text_color_dark="*neutral_400",
            input_background_fill="white",
            input_background_fill_dark="*neutral_900",
            input_border_color="*neutral_300",
            input_border_color_dark="*neutral_700",
            border_color_primary="*neutral_200",
            border_color_primary_dark="*neutral_800",
            slider_color="*primary_500",
            slider_color_dark="*primary_500",
            button_primary_background_fill="*primary_500",
            button_primary_background_fill_hover="*primary_600",
            button_primary_background_fill_dark="*primary_500",
            button_primary_background_fill_hover_dark="*primary_400",
            button_primary_text_color="white",
            button_primary_text_color_dark="white",
            button_secondary_background_fill="*neutral_200",
            button_secondary_background_fill_hover="*neutral_300",
            button_secondary_background_fill_dark="*neutral_800",
            button_secondary_background_fill_hover_dark="*neutral_700",
            button_secondary_text_color="*neutral_900",
            button_secondary_text_color_dark="*neutral_100",
        )
