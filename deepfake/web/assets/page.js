(words) => {
  // Enter analyses, wherever the focus is, unless the focused element uses Enter itself.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.defaultPrevented || event.isComposing) return;
    const own = "button, a, input, textarea, select, summary, video, [role=button], [role=tab], [role=slider]";
    const analyse = document.getElementById("analyse");
    if (!event.target.closest(own) && analyse?.offsetParent) analyse.click();
  });

  // Half-typed numbers are not thresholds: Gradio would send each, and make 0 of an empty box.
  const THRESHOLD = "#threshold input[type=number]";
  const unusable = (box) => box.value === "" || !(box.valueAsNumber >= 0 && box.valueAsNumber <= 1);
  window.addEventListener("input", (event) => {
    if (event.target.matches(THRESHOLD) && unusable(event.target)) event.stopImmediatePropagation();
  }, true);
  window.addEventListener("blur", ({ target }) => {
    if (!target.matches?.(THRESHOLD) || !unusable(target)) return;
    target.value = document.querySelector("#threshold input[type=range]").value;
  }, true);

  // Gradio's slider of two pictures takes no text for those who cannot see them, and no keys.
  const describe = () => {
    document.querySelectorAll("#evidence img").forEach((image, index) => {
      if (!image.alt) image.alt = words.evidence[index];
    });
    const handle = document.querySelector("#evidence [data-testid=slider]:not([tabindex])");
    // It may come before the pictures that it lies between.
    if (!handle?.parentElement.querySelector("img")) return;
    const named = { tabindex: 0, role: "slider", "aria-label": words.handle, "aria-valuemin": 0, "aria-valuemax": 100 };
    for (const [name, value] of Object.entries(named)) handle.setAttribute(name, value);
    // The picture within its element, as wide as that or as high.
    const picture = () => {
      const image = handle.parentElement.querySelector("img");
      const { left, width, height } = image.getBoundingClientRect();
      const shown = Math.min(width, (height * image.naturalWidth) / image.naturalHeight);
      return { left: left + (width - shown) / 2, width: shown };
    };
    const where = () => {
      const { left, width } = picture();
      const here = handle.parentElement.getBoundingClientRect().left + new DOMMatrix(handle.style.transform).e;
      const part = Math.round(width ? (100 * (here - left)) / width : 50);
      handle.setAttribute("aria-valuenow", part);
      return part;
    };
    const goes = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -20, PageUp: 20, Home: -100, End: 100 };
    where();
    handle.addEventListener("focus", where);
    handle.addEventListener("keydown", (event) => {
      if (!(event.key in goes)) return;
      event.preventDefault();
      const { left, width } = picture();
      const part = Math.min(100, Math.max(0, where() + goes[event.key]));
      const point = { clientX: left + (width * part) / 100, view: window, bubbles: true };
      for (const name of ["mousedown", "mouseup"]) handle.dispatchEvent(new MouseEvent(name, point));
      handle.setAttribute("aria-valuenow", part);
    });
  };
  // Names that Gradio gives in English only; some are those of a field behind a few words.
  const translate = () => {
    for (const one of document.querySelectorAll("[aria-label]:not([data-named])")) {
      const name = one.getAttribute("aria-label");
      const said = words.gradio[name];
      if (said && said !== name) {
        one.dataset.named = name;
        one.setAttribute("aria-label", said);
        if (one.title) one.title = said;
      } else if (document.documentElement.lang !== "en") {
        const field = name.replace(/^(number input|range slider) for /, "");
        if (field !== name) one.setAttribute("aria-label", field);
      }
    }
  };
  // Where Gradio sends files itself, it shows a refusal as it came: "HTTP 413: {…}".
  const REFUSED = /^\s*HTTP \d{3}: (\{.*\})\s*$/s;
  const say = () => {
    for (const text of document.querySelectorAll(".toast-body.error :is(.toast-message-text, .toast-text)")) {
      const body = text.childElementCount ? null : text.textContent.match(REFUSED)?.[1];
      try {
        if (body) text.textContent = JSON.parse(body).detail;
      } catch {
        // Not an answer of ours.
      }
    }
  };
  new MutationObserver(() => { describe(); translate(); say(); }).observe(document.body, { childList: true, subtree: true });

  // The list of languages is a small window, not a part of the page.
  const languages = () => document.querySelector("#languages details");
  document.addEventListener("click", ({ target }) => {
    if (!target.closest("#languages")) languages()?.removeAttribute("open");
  });
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") languages()?.removeAttribute("open");
  });
}
