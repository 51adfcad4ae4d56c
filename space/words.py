"""Every sentence of the page's own, in English and Chinese. The browser chooses the language; Gradio brings its own words.

What a model declares, such as the titles of its parameters, is in ``declared.py`` or in the language of its author.
"""

from collections.abc import Iterable
from typing import Any

import gradio as gr

from space.declared import CHOICES

WORDS: dict[str, tuple[str, str]] = {
    "lead": ("Tap a painting. Then use a photo of your own.", "点一幅名画，再换上你自己的照片。"),
    "privacy": (
        "Photos up to 40 megapixels. Nobody else sees yours; it is deleted here within seven hours.",
        "照片最大 4000 万像素。别人看不到你的照片，七小时内会从服务器删除。",
    ),
    "privacy site": (
        "Photos up to 40 megapixels. Nobody else sees yours; it is deleted here within seven hours, or with its job.",
        "照片最大 4000 万像素。别人看不到你的照片，七小时内会删除；任务中的照片随任务一起删除。",
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
    "see it": ("See the painting:", "看原作："),
    "styles": ("Styles", "风格"),
    "added": ("added", "后来添加"),
    "painting styles": ("Painting the styles...", "正在绘制各种风格……"),
    "only its strokes": (
        "Its strokes and colours, as the network has learnt them.",
        "网络学到的笔触与色彩，并非原画。",
    ),
    "choose photo": ("Choose your photo", "选择你的照片"),
    "model": ("Model", "模型"),
    "send": ("Share", "分享"),
    "copy link": ("Copy link", "复制链接"),
    "mine": ("Mine", "我的作品"),
    "mine how": ("Kept by this browser alone.", "只保存在此浏览器中。"),
    "download all": ("Download all", "全部下载"),
    "use settings": ("Use these settings", "使用这些设置"),
    "delete": ("Delete", "删除"),
    "sure": ("Press again to delete", "再按一次即删除"),
    "close": ("Close", "关闭"),
    "compare with": ("Compare with", "对比"),
    "the photo": ("The photo", "照片"),
    "the painting": ("The painting", "绘制结果"),
    "painted": ("Painted", "已绘制"),
    "divider": ("Before and after: the arrow keys move the line", "前后对比：用方向键移动分界线"),
    "copied": ("Copied", "已复制"),
    "examples": ("Examples", "示例"),
    "valley": ("A valley", "山谷"),
    "street": ("A street after rain", "雨后的街道"),
    "still-life": ("A still life", "静物"),
    "ink-painting": ("Ink on paper", "水墨"),
    "oil-painting": ("Thick oil", "厚涂油画"),
    "glass-painting": ("Leaded glass", "彩绘玻璃"),
    "again": ("Make it again", "再做一次"),
    "own painting": ("Add your own painting", "添加你自己的画"),
    "name": ("Name", "名称"),
    "learn": ("Learn it (some minutes)", "学习这幅画（几分钟）"),
    "style file": ("Add a style from a file", "从文件添加风格"),
    "several": ("Several at once", "同时使用多幅"),
    "blend pad": (
        "Blend pad: the arrow keys move the point between four styles, with Shift in larger steps",
        "混合面板：用方向键在四种风格之间移动圆点，按住 Shift 移动得更快",
    ),
    "top left": ("Top left style", "左上风格"),
    "top right": ("Top right style", "右上风格"),
    "bottom left": ("Bottom left style", "左下风格"),
    "bottom right": ("Bottom right style", "右下风格"),
    "add style": ("Add a style", "添加风格"),
    "share of": ("Share of", "比重："),
    "remove": ("Remove", "移除"),
    "depth map": (
        "How far things are: white is far. Click to paint one depth.",
        "远近图：越白越远。点一下，只画那个深度。",
    ),
    "strength map": ("Where the style goes: white is painted.", "风格所在：白色处会被绘制。"),
    "draw mask": ("Paint a mask", "绘制蒙版"),
    "paint here": ("The style will apply where you paint", "你涂抹的地方会应用风格"),
    "use mask": ("Use this mask", "使用此蒙版"),
    "masks": ("See and paint the masks", "查看并绘制蒙版"),
    "style photo": ("Style photo", "风格照片"),
    "use masks": ("Use these masks", "使用这些蒙版"),
    # What long work says meanwhile.
    "painting": ("Painting", "正在绘制"),
    "starting": ("Starting soon", "即将开始"),
    "before you": ("{0} before you", "前面还有 {0} 位"),
    "before you about": ("{0} before you, about {1} s", "前面还有 {0} 位，约 {1} 秒"),
    "step": ("Step {0} of {1}, loss {2}", "第 {0} 步，共 {1} 步，损失 {2}"),
    "learning": ("Learning, distance {0}", "正在学习，距离 {0}"),
    "nothing yet": (
        "There is nothing to download yet: choose a style first.",
        "还没有可下载的图片：请先选择一种风格。",
    ),
    "reduced": (
        "Your photo has {0} megapixels. It is reduced to {1}, the most this page takes.",
        "你的照片有 {0} 百万像素，已缩小到本页的上限 {1} 百万像素。",
    ),
    "table": ("Make a colour table of this look, for other editors", "为其他软件生成色彩查找表"),
    "keep blend": ("Keep this blend", "保存此混合"),
    "open blend": ("Open a blend", "打开混合文件"),
    "program": ("From a program", "用程序调用"),
    "jobs": ("Your jobs", "我的任务"),
    "result": ("Result", "结果"),
    "cancel job": ("Cancel or delete this job", "取消或删除此任务"),
    "share": ("Share it in the gallery", "分享到画廊"),
    "many": ("Many photos at once", "一次处理多张照片"),
    "many how": (
        "A folder or a zip of photos becomes a zip of pictures, in the style that you see above.",
        "上传照片文件夹或 ZIP，会按上面所见的风格得到结果的 ZIP。",
    ),
    "folder": ("A folder of photos", "照片文件夹"),
    "zip": ("Or a zip", "或 ZIP 文件"),
    "paint many": ("Paint all of them", "全部绘制"),
    "long job": ("As a long job", "作为长任务"),
    "long how": (
        "It goes on when you close this page. You find it under Your jobs, in this browser.",
        "关闭页面后任务仍会继续。可在此浏览器的“我的任务”中查看。",
    ),
    "begin job": ("Put it in the queue", "加入队列"),
    "mail": ("Send the result to this address too", "同时把结果发送到此邮箱"),
    "gallery": ("Gallery", "画廊"),
    "of": ("Made by", "模型与风格"),
    "page": ("Page", "页"),
    "like this": ("Make mine like this", "照这样画我的照片"),
    "report": ("Report", "举报"),
    "delete mine": ("Delete mine", "删除我的"),
    "administration": ("Administration", "管理"),
    "admin token": ("Token of the administrator", "管理员令牌"),
    "hide": ("Hide", "隐藏"),
    "show again": ("Show again", "重新显示"),
}


def word(key: str) -> Any:
    """The words for ``key``, in the language of the visitor's browser."""
    assert key in WORDS, key
    return _I18N(key)


def choices(names: Iterable[str]) -> list[Any]:
    """The choices of a list: what the page shows of each ``names``, and the name itself."""
    return [(_I18N(f"{_CHOICE}{name}"), name) if name in CHOICES else name for name in names]


def texts(*keys: str) -> dict[str, dict[str, str]]:
    """The words for ``keys`` in both languages, for a script of the page, which chooses."""
    return {locale: {key: WORDS[key][place] for key in keys} for place, locale in enumerate(("en", "zh"))}


def said(request: gr.Request | None, key: str, *values: Any) -> str:
    """The words for ``key`` with ``values``, for what a handler answers with: in the language of the request."""
    languages = dict(getattr(request, "headers", None) or {}).get("accept-language", "")
    return WORDS[key][is_chinese(languages)].format(*values)


def is_chinese(languages: str) -> bool:
    """Whether a browser that asks for ``languages`` gets the page in Chinese."""
    return languages.lower().startswith("zh")


def catalogue() -> gr.I18n:
    """All words, for ``launch``."""
    return _I18N


_CHOICE = "choice "
_I18N = gr.I18n(
    en={key: english for key, (english, _) in WORDS.items()} | {f"{_CHOICE}{name}": name for name in CHOICES},
    **{
        locale: {key: chinese for key, (_, chinese) in WORDS.items()}
        | {f"{_CHOICE}{name}": chinese for name, chinese in CHOICES.items()}
        for locale in ("zh-CN", "zh")
    },
)
