"""Every sentence of the page's own, in English and Chinese. The browser chooses the language; Gradio brings its own words.

What a model declares, such as the titles of its parameters, is in the language of its author.
"""

from typing import Any

import gradio as gr

WORDS: dict[str, tuple[str, str]] = {
    "lead": ("Tap a painting. Then use a photo of your own.", "点一幅名画，再换上你自己的照片。"),
    "privacy": (
        "Photos up to 40 megapixels. Nobody else sees yours; it is deleted here within seven hours.",
        "照片最大 4000 万像素。别人看不到你的照片，七小时内会从服务器删除。",
    ),
    "what to make": ("What to make", "想做什么"),
    "single": ("Famous painting", "名画风格"),
    "fusion": ("Mix", "混合"),
    "arbitrary": ("My own painting", "我的画"),
    "depth": ("Near and far", "远近"),
    "photo": ("Photo look", "照片色调"),
    "quality": ("Quality", "质量"),
    "fast": ("Fast", "快"),
    "better": ("Better", "更好"),
    "best": ("Best", "最好"),
    "about": ("About this model", "关于这个模型"),
    "adjust": ("Adjust", "调整"),
    "more": ("More", "更多"),
    "paint": ("Paint", "绘制"),
    "stop": ("Stop", "停止"),
    "download": ("Download", "下载"),
    "format": ("Format", "格式"),
    "again": ("Make it again", "再做一次"),
    "own painting": ("Add your own painting", "添加你自己的画"),
    "several": ("Several at once", "同时使用多幅"),
    "mask": ("Paint a mask", "绘制蒙版"),
    "masks": ("See and paint the masks", "查看并绘制蒙版"),
    "table": ("Make a colour table of this look, for other editors", "为其他软件生成色彩查找表"),
    "keep blend": ("Keep this blend", "保存此混合"),
    "open blend": ("Open a blend", "打开混合文件"),
}


def word(key: str) -> Any:
    """The words for ``key``, in the language of the visitor's browser."""
    assert key in WORDS, key
    return _I18N(key)


def catalogue() -> gr.I18n:
    """All words, for ``launch``."""
    return _I18N


_I18N = gr.I18n(
    en={key: english for key, (english, _) in WORDS.items()},
    **{locale: {key: chinese for key, (_, chinese) in WORDS.items()} for locale in ("zh-CN", "zh")},
)
