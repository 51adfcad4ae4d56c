// The style gallery. The server fills `props.styles`; `props.value` is the name of the chosen style.
const wall = element.querySelector(".wall");
const card = element.querySelector(".look");
// An update from the server may leave out the words.
const words = props.words?.[navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"] || {};
const looks = new Map(); // by style, the picture of its strokes
card.id = `look-${Math.random().toString(36).slice(2)}`;
wall.setAttribute("aria-label", words["styles"] || "");
if (wall.querySelector(".hint")) wall.querySelector(".hint").textContent = words["painting styles"] || "";

// A closer look at a style: what it is, and its strokes alone. For a resting pointer, the focus, or a long press.
let resting = 0;
let shown = null;

function hide() {
  clearTimeout(resting);
  shown = null;
  if (card.matches(":popover-open")) card.hidePopover();
}

async function look(button, style) {
  shown = button;
  const picture = card.querySelector("img");
  card.querySelector("b").textContent = style.title;
  card.querySelector("span").textContent = [style.artist, style.year, style.source].filter(Boolean).join(", ");
  card.querySelector("small").textContent = words["only its strokes"] || "";
  picture.removeAttribute("src");
  if (!card.matches(":popover-open")) card.showPopover();
  const place = () => {
    const at = button.getBoundingClientRect();
    const own = card.getBoundingClientRect();
    const left = Math.min(innerWidth - own.width - 8, Math.max(8, at.left + at.width / 2 - own.width / 2));
    const above = at.top - own.height - 8;
    card.style.left = `${left}px`;
    card.style.top = `${above > 8 ? above : Math.min(at.bottom + 8, innerHeight - own.height - 8)}px`;
  };
  place();
  try {
    if (!looks.has(style.name)) looks.set(style.name, await server.look(style.name));
  } catch {
    return; // the words are there
  }
  if (shown === button && looks.get(style.name)) picture.src = looks.get(style.name);
}

function looked(button, style) {
  let held = false;
  const soon = (after) => {
    clearTimeout(resting);
    resting = setTimeout(() => { held = true; look(button, style); }, after);
  };
  button.setAttribute("aria-describedby", card.id);
  button.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse") soon(600); });
  button.addEventListener("pointerleave", hide);
  button.addEventListener("focus", () => { if (button.matches(":focus-visible")) soon(300); });
  button.addEventListener("blur", hide);
  button.addEventListener("pointerdown", (event) => {
    held = false;
    if (event.pointerType === "mouse") hide();
    else soon(500);
  });
  button.addEventListener("contextmenu", (event) => { if (shown === button) event.preventDefault(); });
  // The end of a long press chooses nothing.
  button.addEventListener("click", (event) => {
    const pressed = held && event.pointerType !== "mouse" && event.pointerType;
    held = false;
    if (!pressed) return hide();
    event.stopImmediatePropagation();
  }, { capture: true });
}
// The focus scrolls the wall itself.
wall.addEventListener("scroll", () => { if (!wall.contains(document.activeElement)) hide(); }, { passive: true });
element.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });

function text(tag, className, content) {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = content;
  return node;
}

function tile(style) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.name = style.name;
  const picture = document.createElement("img");
  if (style.picture) picture.src = style.picture;
  picture.alt = "";
  picture.draggable = false;
  button.append(picture, text("span", "title", style.title));
  button.append(text("span", "artist", [style.artist, style.year].filter(Boolean).join(", ")));
  if (style.added) {
    button.append(text("span", "artist", [words["added"], style.author, style.license].filter(Boolean).join(", ")));
  }
  looked(button, style);
  button.addEventListener("click", () => {
    props.value = style.name;
    moves = true;
    mark();
    trigger("pick");
  });
  return button;
}

// Where the chosen painting hangs. Nothing is asked of the museum before somebody clicks.
function tellMuseum(chosen) {
  const [name, address] = (chosen && props.styles.find((style) => style.name === chosen.dataset.name)?.museum) || [];
  const line = element.querySelector(".museum");
  line.replaceChildren();
  if (!name) return;
  const link = text("a", "", name);
  Object.assign(link, { href: address, target: "_blank", rel: "noopener noreferrer" });
  line.append(words["see it"] || "", " ", link);
}

let moves = false;
function mark() {
  const tiles = [...wall.querySelectorAll("button")];
  const chosen = tiles.find((tile) => tile.dataset.name === props.value);
  for (const tile of tiles) {
    tile.setAttribute("aria-pressed", String(tile === chosen));
    tile.tabIndex = tile === (chosen || tiles[0]) ? 0 : -1;
  }
  tellMuseum(chosen);
  if (!chosen) return;
  if (window.stylehub) window.stylehub.style = props.value;
  // At first the wall stands at its beginning, whatever the example is painted like.
  if (!moves) return;
  // In sight inside the wall; the page itself does not move.
  const edge = (start, size, from, room) => (start < from || start + size > from + room ? start - (room - size) / 2 : from);
  wall.scrollTo(
    edge(chosen.offsetLeft - wall.offsetLeft, chosen.offsetWidth, wall.scrollLeft, wall.clientWidth),
    edge(chosen.offsetTop - wall.offsetTop, chosen.offsetHeight, wall.scrollTop, wall.clientHeight),
  );
}

// Another model takes over the painting that was chosen for the last one, if it knows it.
let fresh = true;
function takeOver() {
  const style = window.stylehub?.style;
  if (!fresh || !props.styles.length) return;
  fresh = false;
  if (!style || props.value || !props.styles.some((one) => one.name === style)) return;
  props.value = style;
  moves = true;
  trigger("pick");
}

function draw() {
  if (!props.styles || !props.styles.length) return;
  const tiles = [...wall.querySelectorAll("button")];
  const same = tiles.length === props.styles.length && tiles.every((tile, i) => tile.dataset.name === props.styles[i].name);
  // The pictures come one after another: exchange them alone, so that the focus stays.
  if (same) {
    props.styles.forEach((style, i) => { if (style.picture) tiles[i].querySelector("img").src = style.picture; });
  } else wall.replaceChildren(...props.styles.map(tile));
  takeOver();
  mark();
}

// The gallery is one tab stop; the arrow keys move inside it.
wall.addEventListener("keydown", (event) => {
  const tiles = [...wall.querySelectorAll("button")];
  const here = tiles.indexOf(document.activeElement);
  if (here < 0) return;
  const perRow = tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow, ArrowUp: -perRow }[event.key];
  let target = step === undefined ? undefined : here + step;
  if (event.key === "Home") target = 0;
  if (event.key === "End") target = tiles.length - 1;
  if (target === undefined) return;
  event.preventDefault();
  tiles[Math.min(tiles.length - 1, Math.max(0, target))].focus();
});

watch("styles", draw);
let known = props.value;
watch("value", () => {
  moves ||= Boolean(known);
  known = props.value;
  mark();
});
if (props.styles && props.styles.length) draw();
else trigger("need");
