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

  // Gradio's slider of two pictures takes no text for those who cannot see them.
  const describe = () => document.querySelectorAll("#evidence img").forEach((image, index) => {
    if (!image.alt) image.alt = words.evidence[index];
  });
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
