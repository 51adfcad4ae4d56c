// What the browser keeps: the photo, so that it is there again after a reload or a restart of the server.
() => {
  const NAME = "stylehub";

  function database() {
    return new Promise((done, failed) => {
      const request = indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => request.result.createObjectStore("kept");
      request.onsuccess = () => done(request.result);
      request.onerror = () => failed(request.error);
    });
  }

  async function kept(mode, act) {
    const store = (await database()).transaction("kept", mode).objectStore("kept");
    return new Promise((done, failed) => {
      const request = act(store);
      request.onsuccess = () => done(request.result);
      request.onerror = () => failed(request.error);
    });
  }

  async function keepPhoto(photo) {
    if (!photo) return kept("readwrite", (store) => store.delete("photo"));
    const blob = await (await fetch(photo.url)).blob();
    const name = photo.orig_name || photo.path.split("/").pop();
    return kept("readwrite", (store) => store.put({ blob, name }, "photo"));
  }

  async function restorePhoto() {
    const photo = await kept("readonly", (store) => store.get("photo"));
    if (!photo) return;
    for (let tries = 0; tries < 100; tries += 1) {
      const input = document.querySelector("#photo input[type=file]");
      if (input) {
        const files = new DataTransfer();
        files.items.add(new File([photo.blob], photo.name, { type: photo.blob.type }));
        input.files = files.files;
        input.dispatchEvent(new Event("change", { bubbles: true }));
        return;
      }
      await new Promise((later) => setTimeout(later, 100));
    }
  }

  window.stylehub = {
    // A private window may keep nothing; the page works without.
    photoChanged(photo) {
      keepPhoto(photo).catch(() => {});
      document.querySelector(".repaint")?.click();
    },
  };
  restorePhoto().catch(() => {});
}
