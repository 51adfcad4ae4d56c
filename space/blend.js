// The blend. The server fills `props.styles`; `props.value` is {style name: share} with shares of any sum.
const pad = element.querySelector(".pad");
const point = element.querySelector(".point");
const quarters = [...pad.querySelectorAll("i")];
const corners = [...element.querySelectorAll(".corner")];
const list = element.querySelector(".shares");
const add = element.querySelector(".add");
const spoken = element.querySelector(".spoken");
// An update from the server may leave out the words.
const words = props.words?.[navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"] || {};
pad.setAttribute("aria-label", words["blend pad"]);
["top left", "top right", "bottom left", "bottom right"].forEach((place, i) => corners[i].setAttribute("aria-label", words[place]));
add.setAttribute("aria-label", words["add style"]);
let at = { x: 0.5, y: 0.5 };
let lastDrag = 0;
let sent = ""; // the last value set here; any other value comes from a file

const known = () => new Map((props.styles || []).map((style) => [style.name, style]));

function option(value, label) {
  const node = document.createElement("option");
  node.value = value;
  node.textContent = label;
  return node;
}

// Bilinear: a corner's share is the area of the opposite rectangle. Styles outside the corners keep their shares, and
// the pad divides the rest.
function padShares() {
  const areas = [(1 - at.x) * (1 - at.y), at.x * (1 - at.y), (1 - at.x) * at.y, at.x * at.y];
  const names = corners.map((corner) => corner.value);
  const beside = Object.fromEntries(Object.entries(props.value || {}).filter(([name]) => !names.includes(name)));
  const rest = Math.max(0, 1 - Object.values(beside).reduce((sum, share) => sum + share, 0));
  const shares = {};
  names.forEach((name, i) => {
    const share = (shares[name] || 0) + areas[i] * rest;
    if (share >= 0.005) shares[name] = Math.round(share * 100) / 100;
  });
  return { ...shares, ...beside };
}

// A blend from a file: up to four styles go to the corners, and the point moves to give their shares.
function follow() {
  const shares = Object.entries(props.value || {}).filter(([, share]) => share > 0);
  if (sent === JSON.stringify(props.value) || !shares.length) return;
  if (shares.length <= corners.length) {
    const free = corners.map((corner) => corner.value).filter((name) => !shares.some(([own]) => own === name));
    const names = [...shares.map(([name]) => name), ...free].slice(0, corners.length);
    corners.forEach((corner, i) => { corner.value = names[i]; });
  }
  const sum = shares.reduce((total, [, share]) => total + share, 0);
  const part = (i) => (props.value[corners[i].value] || 0) / sum;
  at = { x: Math.min(1, part(1) + part(3)), y: Math.min(1, part(2) + part(3)) };
  drawPad();
}

function setShares(shares, event) {
  sent = JSON.stringify(shares);
  props.value = shares;
  drawShares();
  if (event === "drag" && performance.now() - lastDrag < 80) return;
  lastDrag = performance.now();
  if (event === "drag") trigger("drag");
  if (event === "settle") trigger("settle");
}

function percentages() {
  const shares = Object.entries(props.value || {});
  const sum = shares.reduce((total, [, share]) => total + share, 0) || 1;
  return shares.map(([name, share]) => [name, share, Math.round((100 * share) / sum)]);
}

function row(name, share, percent) {
  const style = known().get(name);
  const item = document.createElement("li");
  item.dataset.name = name;
  const picture = document.createElement("img");
  if (style && style.picture) picture.src = style.picture;
  picture.alt = "";
  const title = document.createElement("span");
  title.textContent = style ? style.title : name;
  const range = document.createElement("input");
  range.type = "range";
  range.min = 0;
  range.max = 1;
  range.step = 0.01;
  range.value = share;
  range.setAttribute("aria-label", `${words["share of"]} ${title.textContent}`);
  range.addEventListener("input", () => setShares({ ...props.value, [name]: Number(range.value) }, "drag"));
  range.addEventListener("change", () => setShares({ ...props.value, [name]: Number(range.value) }, "settle"));
  const output = document.createElement("output");
  output.textContent = `${percent} %`;
  const remove = document.createElement("button");
  remove.type = "button";
  remove.textContent = "×";
  remove.setAttribute("aria-label", `${words["remove"]} ${title.textContent}`);
  remove.addEventListener("click", () => {
    const { [name]: _, ...rest } = props.value;
    setShares(rest, "settle");
  });
  item.append(picture, title, range, output, remove);
  return item;
}

function drawShares() {
  const shares = percentages();
  const rows = new Map([...list.children].map((item) => [item.dataset.name, item]));
  const kept = shares.map(([name, share, percent]) => {
    const item = rows.get(name);
    if (!item) return row(name, share, percent);
    const style = known().get(name);
    if (style && style.picture) item.querySelector("img").src = style.picture; // the pictures come one after another
    // Keep a row while its slider is dragged.
    const range = item.querySelector("input");
    if (document.activeElement !== range || pad.classList.contains("held")) range.value = share;
    item.querySelector("output").textContent = `${percent} %`;
    return item;
  });
  for (const item of [...list.children]) if (!kept.includes(item)) item.remove();
  kept.forEach((item, i) => { if (list.children[i] !== item) list.insertBefore(item, list.children[i] || null); });
  spoken.textContent = shares.map(([name, , percent]) => `${percent} % ${known().get(name)?.title || name}`).join(", ");
}

function drawPad() {
  point.style.left = `${100 * at.x}%`;
  point.style.top = `${100 * at.y}%`;
  corners.forEach((corner, i) => {
    const style = known().get(corner.value);
    quarters[i].style.backgroundImage = style && style.picture ? `url("${style.picture}")` : "";
  });
}

function move(x, y, event) {
  at = { x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)) };
  drawPad();
  setShares(padShares(), event);
}

function moveTo(pointer, event) {
  const box = pad.getBoundingClientRect();
  move((pointer.clientX - box.left) / box.width, (pointer.clientY - box.top) / box.height, event);
}

pad.addEventListener("pointerdown", (event) => {
  event.preventDefault();
  pad.focus({ preventScroll: true }); // otherwise the page moves under the finger
  pad.setPointerCapture(event.pointerId);
  pad.classList.add("held");
  moveTo(event, "drag");
});
pad.addEventListener("pointermove", (event) => {
  if (pad.classList.contains("held")) moveTo(event, "drag");
});
for (const end of ["pointerup", "pointercancel"]) {
  pad.addEventListener(end, (event) => {
    if (!pad.classList.contains("held")) return;
    if (end === "pointerup") moveTo(event, "settle");
    else setShares(props.value, "settle");
    pad.classList.remove("held");
  });
}
pad.addEventListener("keydown", (event) => {
  const step = event.shiftKey ? 0.2 : 0.05;
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!way && event.key !== "Home") return;
  event.preventDefault();
  if (event.key === "Home") move(0.5, 0.5, "drag");
  else move(at.x + way[0] * step, at.y + way[1] * step, "drag");
});
pad.addEventListener("keyup", (event) => {
  if (event.key.startsWith("Arrow") || event.key === "Home") setShares(props.value, "settle");
});
for (const corner of corners) {
  let before = corner.value;
  corner.addEventListener("focus", () => { before = corner.value; });
  corner.addEventListener("change", () => {
    const { [before]: _, ...others } = props.value || {}; // the corner's old style leaves the blend
    before = corner.value;
    props.value = others;
    drawPad();
    setShares(padShares(), "settle");
  });
}
add.addEventListener("change", () => {
  if (add.value) setShares({ ...props.value, [add.value]: 0.25 }, "settle");
  add.value = "";
});

function draw() {
  const styles = props.styles || [];
  if (!styles.length) return;
  const label = (style) => (style.artist ? `${style.title}, ${style.artist}` : style.title);
  corners.forEach((corner, i) => {
    const chosen = corner.value || styles[Math.floor((i * styles.length) / corners.length)].name;
    corner.replaceChildren(...styles.map((style) => option(style.name, label(style))));
    corner.value = chosen;
  });
  add.replaceChildren(option("", `${words["add style"]}…`), ...styles.map((style) => option(style.name, label(style))));
  drawPad();
  if (props.value && Object.keys(props.value).length) drawShares();
  else setShares(padShares(), "settle");
}

watch("styles", draw);
watch("value", () => { drawShares(); follow(); });
draw();
if (!props.styles || !props.styles.length) trigger("need");
