(words) => {
  // A result belongs to its photo. Each choice of one (a file, a drop, a paste, a camera's picture,
  // an example, a removal, another model) makes a ticket, which goes to the server with the question
  // and comes back in the answer's panel. What is on the page with any other ticket is not shown.
  const server = () => window.gradio_config?.root ?? "";
  const api = () => server() + (window.gradio_config?.api_prefix ?? "/gradio_api");
  const at = (id) => document.getElementById(id);
  let choices = 0;
  const draw = () => Object.values(places).forEach((place) => place.show());

  class Place {
    // Element ids: the photo (or video), the panel that answers, the words beside it, the button that
    // asks, the hidden one that puts a photo in, and one that tells the server of another choice.
    constructor(name, photo, panel, notice, ask, put, told = null) {
      Object.assign(this, { name, photo, panel, notice, ask, put, told });
      this.words = { ...words, ...words[name] };
      this.ticket = "";
      this.value = null;
      this.file = null;
      this.retry = null;
      this.said = null;
    }

    get isOpen() { return Boolean(at(this.photo)?.offsetParent); }
    get waits() { return Boolean(this.said?.busy); }
    get isStale() {
      const answered = at(this.panel)?.querySelector("[data-ticket]")?.dataset.ticket ?? "";
      return answered !== this.ticket;
    }

    // Another choice: what is on its way is for the one before, and what is shown, too.
    renew(said = null) {
      this.upload?.abort();
      this.retry = null;
      // The first number grows, so that the server knows which of two is the later one.
      this.ticket = [++choices, ...crypto.getRandomValues(new Uint32Array(3))].join("-");
      this.say(said);
      if (this.told) at(this.told)?.click();
    }

    say(said) { this.said = said; draw(); }
    judge() { this.say({ busy: true, text: this.words.judging }); }
    fail(text, again = true) { this.say({ alert: true, title: this.words.failed, text, again }); }
    // Of what cannot be a choice at all: the photo before stays, and its result with it.
    hint(text) {
      this.say({ alert: true, text, stays: true, busy: this.waits, again: this.said?.again });
    }

    show() {
      const stale = this.isStale;
      document.documentElement.toggleAttribute(`data-stale-${this.name}`, stale);
      const works = this.waits || (!stale && Boolean(at(this.panel)?.querySelector("progress")));
      document.documentElement.toggleAttribute(`data-busy-${this.name}`, works);
      const unshown = at(this.photo)?.querySelector("img[src^='data:image/svg']");
      if (unshown && !stale) this.showPreview(unshown);
      if (!stale && this.said && (this.said.busy || !this.said.stays)) this.said = null;
      const notice = at(this.notice)?.querySelector(".notice");
      if (!notice || notice.said === this.said) return;
      notice.said = this.said;
      notice.replaceChildren();
      if (!this.said) return;
      const part = (tag, text, into) => {
        const element = document.createElement(tag);
        element.textContent = text;
        into.append(element);
        return element;
      };
      const box = part("section", "", notice);
      box.className = `verdict ${this.said.alert ? "verdict-error" : "verdict-none"}`;
      if (this.said.alert) box.setAttribute("role", "alert");
      if (this.said.title) part("h2", this.said.title, box);
      part("p", this.said.text, box);
      if (this.said.again) part("button", this.words.again, box).className = "again";
    }

    // A file that this browser cannot show: its kind in words, until the answer brings a picture.
    showPreview(image) {
      const found = this.isStale ? null : at(this.panel)?.querySelector("[data-preview]");
      if (found) image.src = found.dataset.preview;
      else if (!image.src.startsWith("data:")) {
        const kind = (this.value?.orig_name ?? "").split(".").pop().replace(/\W/g, "").toUpperCase();
        image.src = `data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" width="320" height="240">\
<text x="160" y="130" text-anchor="middle" font-family="sans-serif" font-size="32" fill="gray">\
${kind}</text></svg>`;
      }
    }

    // Put a photo, or none, into Gradio's component.
    fill(value) {
      if (this.value?.url.startsWith("blob:")) URL.revokeObjectURL(this.value.url);
      document.documentElement.removeAttribute("data-unplayable");
      this.value = value;
      at(this.put)?.click();
    }

    async take(file) {
      this.renew({ busy: true, text: this.words.sending });
      this.fill(null);
      this.file = file;
      if (file.size > this.words.max_bytes) return this.fail(this.words.too_large, false);
      const ticket = this.ticket;
      const value = await this.send(file).catch((error) => {
        if (ticket === this.ticket) this.fail(error.sentence ?? this.words.lost, error.again);
      });
      if (!value || ticket !== this.ticket) return;
      this.judge();
      this.fill(value);
    }

    async send(file) {
      this.upload = new AbortController();
      const form = new FormData();
      form.append("files", file, file.name || "photo");
      const kind = this.name === "video" ? "video" : "photo";
      const answer = await fetch(`${api()}/upload?kind=${kind}&lang=${document.documentElement.lang}`, {
        method: "POST", body: form, signal: this.upload.signal,
      });
      const said = await answer.json().catch(() => ({}));
      if (!answer.ok) {
        // Too large, or no picture: the same file would be refused again.
        const again = ![413, 415].includes(answer.status);
        throw { sentence: said.detail ?? said.error ?? this.words.no_answer, again };
      }
      return {
        path: said[0], url: URL.createObjectURL(file), orig_name: file.name, size: file.size,
        mime_type: file.type, meta: { _type: "gradio.FileData" },
      };
    }

    async takeFrom(address) {
      // Its name is the new choice already, though its bytes are still to come.
      this.renew({ busy: true, text: this.words.sending });
      this.fill(null);
      this.file = null;
      const ticket = this.ticket;
      try {
        const answer = await fetch(address);
        if (!answer.ok) throw new Error(answer.statusText);
        const name = decodeURIComponent(address.split("/").pop());
        const file = new File([await answer.blob()], name);
        if (ticket === this.ticket) this.take(file);
      } catch {
        if (ticket !== this.ticket) return;
        this.retry = () => this.takeFrom(address);
        this.fail(this.words.lost);
      }
    }

    again(resend = false) {
      if (lost) return revive(this);
      if (this.retry) return this.retry();
      if (resend && this.file) this.take(this.file);
      else if (this.value) {
        this.renew();
        this.judge();
        at(this.ask)?.click();
      } else if (this.file) this.take(this.file);
    }

    // From here on called by Gradio's events, see intake.py.
    ask_for() { if (this.value) at(this.ask)?.click(); }
    sign_shown(inputs) {
      const shown = !this.isStale && at(this.panel)?.querySelector(".verdict[role=status]");
      return [...inputs.slice(0, -1), shown ? this.ticket : ""];
    }
    sign(inputs) { return [...inputs.slice(0, -1), this.ticket]; }
    owns(row) { return Boolean(row) && row.ticket === this.ticket; }
    // A camera's picture comes through Gradio's own component.
    arrived(value) {
      this.renew();
      this.file = null;
      this.value = value;
      this.judge();
      at(this.ask)?.click();
    }
    changed(value) { if (value && value.path !== this.value?.path) this.arrived(value); }
    cleared(inputs) {
      this.renew();
      this.value = this.file = null;
      return this.sign(inputs);
    }
    cancel() { this.renew({ text: this.words.cancelled, again: Boolean(this.value ?? this.file) }); }
    rejudge(inputs) {
      this.renew();
      if (this.value) this.judge();
      return this.sign(inputs);
    }
  }

  const places = {
    photo: new Place("photo", "photo", "verdict", "notice", "analyse", "photo-put"),
    compare: new Place(
      "compare", "compare-photo", "comparison", "compare-notice", "compare", "compare-put"
    ),
    video: new Place(
      "video", "video", "video-result", "video-notice", "video-start", "video-put", "video-asked"
    ),
  };
  window.deepfake = places;
  const open = () => Object.values(places).find((place) => place.isOpen);

  // Gradio gives up for good when its connection breaks, and loads the page anew when it is back.
  let lost = false;
  const WORDLESS_MS = 300;
  const revive = (place) =>
    fetch(`${server()}/healthz`, { cache: "no-store" }).then(
      () => location.reload(), () => place.fail(place.words.lost)
    );
  // Gradio says in a corner why an event failed, for ten seconds.
  const overhear = () => {
    for (const toast of document.querySelectorAll(".toast-body.error:not([data-heard])")) {
      toast.dataset.heard = "";
      const text = toast.querySelector(".toast-message-text, .toast-text")?.textContent.trim();
      lost ||= text.startsWith("Connection to the server");
      for (const place of Object.values(places).filter((one) => one.waits)) {
        // It may be gone from the server: sent again, where it came as a file.
        if (!lost && place.file) place.value = null;
        const away = lost || text.startsWith("Could not parse server response");
        place.fail(away ? place.words.lost : text || place.words.no_answer);
        if (!lost) toast.querySelector(".toast-close")?.click();
      }
    }
    // Of some faults it shows nothing but "Error" over the panel; where there is a reason, a little
    // later than that.
    for (const place of Object.values(places)) {
      const word = at(place.panel)?.querySelector(".clear-status ~ .error:not([data-heard])");
      if (!word) continue;
      word.dataset.heard = "";
      const ticket = place.ticket;
      setTimeout(() => {
        if (place.waits && ticket === place.ticket) place.fail(place.words.no_answer);
        word.parentElement?.querySelector(".clear-status button")?.click();
      }, WORDLESS_MS);
    }
  };
  new MutationObserver(() => { overhear(); draw(); }).observe(document.body, {
    childList: true, subtree: true, attributes: true, attributeFilter: ["data-ticket"],
  });

  window.addEventListener("click", (event) => {
    // A photo that is still being sent cannot be asked for: "choose one first" would be no answer.
    const sending = Object.values(places).find((one) => one.waits && !one.value);
    if (sending && event.target.closest?.(`#${sending.ask}`)) event.stopImmediatePropagation();
    const button = event.target.closest?.(
      ".again, [data-example], [aria-label='Paste from clipboard'], [data-named='Paste from clipboard']");
    const place = button && open();
    if (!place) return;
    if (button.matches(".again")) place.again(button.matches(".resend"));
    else if (button.dataset.example) place.takeFrom(server() + button.dataset.example);
    else paste(place);
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  window.addEventListener("error", (event) => {
    const { target } = event;
    if (target.tagName === "VIDEO" && target.closest("#video")) {
      // What this browser cannot play can be analysed all the same; Gradio would call it an error.
      event.stopImmediatePropagation();
      document.documentElement.toggleAttribute("data-unplayable", Boolean(places.video.value));
      return;
    }
    if (target.tagName !== "IMG") return;
    Object.values(places).find((one) => target.closest(`#${one.photo}`))?.showPreview(target);
  }, true);

  // For its scissors, which are hidden, Gradio's player of videos fetches FFmpeg, of 32 MB; its panel
  // on the API asks for what is switched off here, and each refusal would be an error on the console.
  const SWITCHED_OFF = /\/gradio_api\/mcp\/schema$|\/monitoring\/summary$/;
  const fetches = window.fetch;
  window.fetch = async (address, ...others) => {
    if (String(address).includes("/static/ffmpeg/")) return new Promise(() => {});
    if (SWITCHED_OFF.test(address)) return new Response(null, { status: 404 });
    return fetches(address, ...others);
  };

  // Gradio refuses files by their names, in its own words: what a file is, is for the server to say.
  window.addEventListener("change", (event) => {
    const { target } = event;
    const place = Object.values(places).find((one) => target.closest?.(`#${one.photo}`));
    if (target.type !== "file" || !place || !target.files.length) return;
    event.stopImmediatePropagation();
    offer(place, [...target.files]);
    // The same file can be chosen again.
    target.value = "";
  }, true);

  const offer = (place, files) => {
    if (files.length > 1) place.hint(place.words.several);
    else if (files.length) place.take(files[0]);
    else place.hint(place.words.no_file);
  };

  const paste = async (place) => {
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((one) => one.startsWith("image/"));
        if (!type) continue;
        const name = `clipboard.${type.slice("image/".length)}`;
        return place.take(new File([await item.getType(type)], name, { type }));
      }
      place.hint(place.words.no_picture);
    } catch {
      place.hint(place.words.no_clipboard);
    }
  };
  window.addEventListener("paste", (event) => {
    const place = open();
    const files = [...(event.clipboardData?.files ?? [])];
    const writes = event.target.closest?.("input, textarea, [contenteditable]");
    if (!place || (writes && !files.length)) return;
    event.preventDefault();
    if (files.length) offer(place, files);
    else place.hint(place.words.no_picture);
  });

  // Gradio takes its place for drops away while something is dragged over a photo, and the browser
  // would open what falls beside it. So the whole page takes drops, for the photo that is open.
  const dragging = (on) => document.documentElement.toggleAttribute("data-dragging", on);
  const isText = ({ target, dataTransfer }) =>
    !dataTransfer.types.includes("Files") && target.closest?.("input, textarea, [contenteditable]");
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    window.addEventListener(name, (event) => {
      if (!event.dataTransfer || isText(event) || event.target.closest?.("#many-files")) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const place = open();
      event.dataTransfer.dropEffect = place ? "copy" : "none";
      dragging(Boolean(place) && (name === "dragover" || name === "dragenter"));
      if (name !== "drop" || !place) return;
      const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
      if (entries.some((entry) => entry?.isDirectory)) place.hint(place.words.folder);
      else offer(place, [...event.dataTransfer.files]);
    }, true);
  }
}
