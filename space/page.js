// What the browser keeps and does by itself: the photo, one's own results, links, the divider by keys.
() => {
  const NAME = "stylehub";
  const SETTINGS = "stylehub-settings";
  const LAST = "stylehub-last"; // whether there are results, for the first picture: space/first.html

  function database() {
    return new Promise((done, failed) => {
      const request = indexedDB.open(NAME, 2);
      request.onupgradeneeded = () => {
        const stores = request.result.objectStoreNames;
        if (!stores.contains("kept")) request.result.createObjectStore("kept");
        if (!stores.contains("results")) request.result.createObjectStore("results", { keyPath: "id" });
      };
      request.onsuccess = () => {
        request.result.onversionchange = () => request.result.close(); // another tab has a newer page
        done(request.result);
      };
      request.onerror = () => failed(request.error);
    });
  }

  async function kept(name, mode, act) {
    const base = await database();
    const store = base.transaction(name, mode).objectStore(name);
    return new Promise((done, failed) => {
      const request = act(store);
      request.onsuccess = () => done(request.result);
      request.onerror = () => failed(request.error);
    }).finally(() => base.close());
  }

  async function keepPhoto(photo) {
    if (!photo) return kept("kept", "readwrite", (store) => store.delete("photo"));
    const blob = await (await fetch(photo.url)).blob();
    const name = photo.orig_name || photo.path.split("/").pop();
    return kept("kept", "readwrite", (store) => store.put({ blob, name }, "photo"));
  }

  async function restorePhoto() {
    const photo = await kept("kept", "readonly", (store) => store.get("photo"));
    if (!photo) return;
    const input = await there("#photo input[type=file]");
    const files = new DataTransfer();
    files.items.add(new File([photo.blob], photo.name, { type: photo.blob.type }));
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  async function there(selector, tries = 100) {
    for (; tries; tries -= 1) {
      const found = [...document.querySelectorAll(selector)].find((node) => node.isConnected);
      if (found) return found;
      await new Promise((later) => setTimeout(later, 100));
    }
    throw new Error(`${selector} is not on the page`);
  }

  // The language of the page's own scripts, as Gradio chooses it for the rest.
  const chinese = navigator.language.toLowerCase().startsWith("zh");
  const words = (/* words */ {})[chinese ? "zh" : "en"];
  if (chinese) document.documentElement.lang = "zh";
  let settings = null;
  let title = "";

  const painting = () => [...document.querySelectorAll(".result img")].filter((image) => image.offsetParent).pop();

  function link(of) {
    return `${location.origin}${location.pathname}?${new URLSearchParams(of)}`;
  }

  function said(button, text, long = 2000) {
    const before = button.textContent;
    if (before === text) return;
    button.textContent = text;
    setTimeout(() => { if (button.textContent === text) button.textContent = before; }, long);
  }

  window.stylehub = {
    shown: false, // the whole page has a picture, and knows what it shows
    own: false, // and it is the visitor's own
    style: null, // the famous painting that was chosen last, for the next model
    link,
    words: (all) => all[chinese ? "zh" : "en"],
    sentence(text) {
      const [pattern, other] = (chinese && sentences.find(([one]) => one.test(text))) || [];
      return pattern ? other.replace(/{(\d)}/g, (_, group) => pattern.exec(text)[Number(group) + 1]) : text;
    },
    // A private window may keep nothing; the page works without.
    photoChanged(photo) {
      keepPhoto(photo).catch(() => {});
      document.querySelector(".repaint")?.click();
    },
    async repaint() {
      await new Promise((later) => setTimeout(later, 400)); // until the controls of another task are on the page
      document.querySelector(".repaint")?.click();
    },
    divide(place) {
      tend();
      const handle = document.querySelector(".result [data-testid=slider]");
      if (handle) divideAt(handle, place);
    },
    results: async () => (await kept("results", "readonly", (store) => store.getAll())).sort((a, b) => (a.id < b.id ? 1 : -1)),
    remember: async (result) => {
      await kept("results", "readwrite", (store) => store.put(result));
      localStorage.setItem(LAST, "1");
    },
    forget: (id) => kept("results", "readwrite", (store) => store.delete(id)),
    shows(now, name, own) {
      this.shown = true;
      this.own ||= own;
      settings = now;
      title = name;
      if (own) live.textContent = `${words["painted"]}: ${name}`;
      tend();
      if (own) sessionStorage.setItem(SETTINGS, JSON.stringify(now));
    },
    // The settings to begin with: those of a link, those before a reload, or those of the newest result.
    async asked() {
      const words = Object.fromEntries(new URLSearchParams(location.search));
      if (words.task || words.model) return words;
      try {
        const before = JSON.parse(sessionStorage.getItem(SETTINGS));
        return before || (await this.results())[0]?.settings || null;
      } catch {
        return null;
      }
    },
    async copyLink(of, button) {
      const text = link(of || settings || {});
      try {
        await navigator.clipboard.writeText(text);
        said(button, words["copied"]);
      } catch {
        window.prompt(words["copy link"], text); // a page without https has no clipboard
      }
    },
    async share() {
      const picture = painting();
      if (!picture) return;
      const blob = await (await fetch(picture.src)).blob();
      const name = `${(title || "painted").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}.jpg`;
      const file = new File([blob], name, { type: blob.type || "image/jpeg" });
      if (navigator.canShare?.({ files: [file] })) {
        try {
          await navigator.share({ files: [file] });
          return;
        } catch (error) {
          if (error.name === "AbortError") return; // the visitor has closed the sheet
        }
      }
      const save = document.createElement("a");
      save.href = URL.createObjectURL(file);
      save.download = name;
      save.click();
      setTimeout(() => URL.revokeObjectURL(save.href), 60000);
    },
  };
  restorePhoto().catch(() => {});

  // What deletes asks first: the button says so, and only a second press within some seconds is meant.
  let asking = null;
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".asks, .mine .delete");
    const sure = button && button === asking;
    asking = null;
    if (!button || sure) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    asking = button;
    said(button, words["sure"], 4000);
    live.textContent = words["sure"];
    setTimeout(() => { if (asking === button) asking = null; }, 4000);
  }, { capture: true });

  // What Gradio's components do not say to a screen reader or a keyboard.
  const live = document.createElement("p");
  live.className = "spoken";
  live.setAttribute("role", "status");
  document.body.append(live);

  function dividerKeys(handle) {
    handle.tabIndex = 0;
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-label", words["divider"]);
    handle.setAttribute("aria-valuemin", 0);
    handle.setAttribute("aria-valuemax", 100);
    handle.setAttribute("aria-valuenow", 50);
    handle.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, Home: -100, End: 100 }[event.key];
      const box = painting()?.getBoundingClientRect();
      if (!step || !box) return;
      event.preventDefault();
      const now = handle.querySelector(".inner").getBoundingClientRect();
      divideAt(handle, Math.round((100 * (now.left + now.width / 2 - box.left)) / box.width) + step);
    });
  }

  // Gradio's divider follows a mouse alone.
  function divideAt(handle, asked) {
    const box = painting()?.getBoundingClientRect();
    if (!box) return;
    const place = Math.min(100, Math.max(0, asked));
    const at = { clientX: box.left + (box.width * place) / 100, clientY: box.top + box.height / 2, view: window, bubbles: true };
    handle.dispatchEvent(new MouseEvent("mousedown", at));
    window.dispatchEvent(new MouseEvent("mouseup", at));
    handle.setAttribute("aria-valuenow", place);
  }

  // Labels are English in the API, so their Chinese is put on the page alone.
  const declared = /* declared */ {};
  const sentences = Object.entries(/* sentences */ {}).map(([pattern, text]) => [new RegExp(`^${pattern}$`), text]);
  function translate() {
    for (const part of document.querySelectorAll(".task, .again")) {
      const texts = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const other = declared[texts.currentNode.nodeValue.trim()];
        if (other) texts.currentNode.nodeValue = other;
      }
      for (const name of ["placeholder", "aria-label"]) {
        for (const node of part.querySelectorAll(`[${name}]`)) {
          const other = declared[node.getAttribute(name)];
          if (other) node.setAttribute(name, other);
        }
      }
    }
  }

  function tend() {
    if (chinese) translate();
    for (const head of document.querySelectorAll(".label-wrap")) {
      const now = String(head.classList.contains("open"));
      if (head.getAttribute("aria-expanded") !== now) head.setAttribute("aria-expanded", now);
    }
    const handle = document.querySelector(".result [data-testid=slider]");
    if (handle && handle.getAttribute("role") !== "slider") dividerKeys(handle);
    const named = [words["the photo"], title || words["the painting"]];
    [...document.querySelectorAll(".result img")].slice(0, 2).forEach((image, i) => { if (image.alt !== named[i]) image.alt = named[i]; });
    // Icons say their names only to a mouse.
    for (const button of document.querySelectorAll("button[title]:not([aria-label])")) {
      if (!button.textContent.trim()) button.setAttribute("aria-label", button.title);
    }
  }

  // A column that is taller than the window sticks with its end, not with its beginning.
  async function measure() {
    const column = await there(".see");
    new ResizeObserver(() => column.style.setProperty("--see", `${column.offsetHeight}px`)).observe(column);
  }
  measure().catch(() => {});

  let due = 0;
  const later = () => { due ||= setTimeout(() => { due = 0; tend(); }, 100); };
  new MutationObserver(later).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["class", "src"] });
  tend();
}
