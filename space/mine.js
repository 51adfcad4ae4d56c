// One's own results, kept by this browser alone: small pictures and the settings that made them. The server says in
// `props.value` what it has just painted. Words come in `props.words`; `trigger("open", {settings})` brings settings back,
// `trigger("pack", {files})` asks for a zip of uploaded files.
const MOST = 24;
const SIDE = 960; // long side of a kept picture
// The page's own script may start after this one.
const ready = (async () => {
  while (!window.stylehub) await new Promise((later) => setTimeout(later, 20));
  return window.stylehub;
})();
let arrived = () => {};
watch("value", () => arrived());

ready.then((hub) => {
  const words = hub.words(props.words);
  const root = element.querySelector(".mine");
  const strip = root.querySelector(".head + .strip");
  const dialog = root.querySelector("dialog");
  const [left, right] = dialog.querySelectorAll("figure");
  const against = dialog.querySelector(".against");
  const button = (name) => root.querySelector(`button.${name}`);
  const urls = new Map();
  let kept = [];
  let open = null;

  root.querySelector("h2").textContent = words["mine"];
  root.querySelector(".head span").textContent = words["mine how"];
  strip.setAttribute("aria-label", words["mine"]);
  against.setAttribute("aria-label", words["compare with"]);
  button("close").setAttribute("aria-label", words["close"]);
  button("all").textContent = words["download all"];
  button("again").textContent = words["use settings"];
  button("save").textContent = words["download"];
  button("copy").textContent = words["copy link"];
  button("delete").textContent = words["delete"];

  function url(blob) {
    if (!urls.has(blob)) urls.set(blob, URL.createObjectURL(blob));
    return urls.get(blob);
  }

  async function small(path) {
    const answer = await fetch(`gradio_api/file=${path}`);
    if (!answer.ok) throw new Error(answer.statusText);
    const picture = await createImageBitmap(await answer.blob());
    const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.88));
  }

  // The same photo, model and style again takes the place of the old one: only its settings have changed.
  const same = (a, b) =>
    a.photo === b.photo && ["task", "model", "style", "style_name"].every((name) => a.settings[name] === b.settings[name]);

  async function keep(made) {
    const [before, after] = await Promise.all([small(made.before), small(made.after)]);
    const { settings, title, photo } = made;
    const now = { id: `${Date.now()}-${Math.random().toString(36).slice(2)}`, settings, title, photo, before, after };
    const old = await hub.results();
    const gone = [...old.filter((one) => same(one, now)), ...old.filter((one) => !same(one, now)).slice(MOST - 1)];
    for (const one of gone) await hub.forget(one.id);
    await hub.remember(now);
    await show();
  }

  function tile(one, act) {
    const node = document.createElement("button");
    node.type = "button";
    const picture = document.createElement("img");
    picture.src = url(one.after);
    picture.alt = "";
    node.title = one.title;
    node.setAttribute("aria-label", one.title);
    node.append(picture);
    node.addEventListener("click", act);
    return node;
  }

  async function show() {
    kept = await hub.results();
    strip.replaceChildren(...kept.map((one) => tile(one, () => look(one))));
    root.hidden = !kept.length;
  }

  function figure(node, blob, text) {
    node.querySelector("img").src = url(blob);
    node.querySelector("img").alt = text;
    node.querySelector("figcaption").textContent = text;
  }

  function look(one) {
    open = one;
    dialog.querySelector("h3").textContent = one.title;
    figure(left, one.before, words["the photo"]);
    figure(right, one.after, one.title);
    const others = kept.filter((other) => other !== one);
    against.replaceChildren(
      tile({ after: one.before, title: words["the photo"] }, () => figure(left, one.before, words["the photo"])),
      ...others.map((other) => tile(other, () => figure(left, other.after, other.title))),
    );
    if (!dialog.open) dialog.showModal();
  }

  function save(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  const plain = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "painted";

  button("again").addEventListener("click", () => {
    dialog.close();
    hub.style = null; // the wall of another model takes its painting from the settings
    trigger("open", { settings: open.settings });
  });
  button("save").addEventListener("click", () => save(open.after, `${plain(open.title)}.jpg`));
  button("copy").addEventListener("click", () => hub.copyLink(open.settings, button("copy")));
  button("delete").addEventListener("click", async () => {
    await hub.forget(open.id);
    dialog.close();
    await show();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });

  // The server packs the zip: what it gets is deleted with all else that a visitor sends.
  button("all").addEventListener("click", async () => {
    const body = new FormData();
    const links = kept.map((one, i) => {
      const name = `${String(i + 1).padStart(2, "0")}-${plain(one.title)}.jpg`;
      body.append("files", one.after, name);
      return `${name}  ${hub.link(one.settings)}\n`;
    });
    body.append("files", new Blob(links), "links.txt");
    const answer = await fetch("gradio_api/upload", { method: "POST", body });
    trigger("pack", { files: answer.ok ? await answer.json() : [] });
  });

  // The settings to begin with, after what the server shows first.
  let asked = hub.asked();
  const begin = async () => {
    const settings = await asked;
    asked = null;
    if (!settings) return;
    hub.style = null;
    trigger("open", { settings });
  };
  arrived = () => {
    const made = props.value;
    if (!made || !made.settings) return;
    hub.shows(made.settings, made.title, made.keep);
    if (made.keep) keep(made).catch(() => {}); // a private window may keep nothing
    begin();
  };
  arrived();
  setTimeout(begin, 10000);
  show().catch(() => {});
});
