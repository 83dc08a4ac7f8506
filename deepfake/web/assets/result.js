() => {
  // What of a result lives in the browser: clicks on boxes, ready-made thresholds, the field of how
  // many are fake, and what a screen reader is told.
  const at = (id) => document.getElementById(id);
  const THRESHOLD = "#threshold input[type=number]";

  document.addEventListener("click", ({ target }) => {
    const box = target.closest?.(".marked .box");
    if (box) {
      // The list has the face that decides first, so its places are not the numbers.
      const number = Number(box.dataset.face) + 1;
      for (const label of document.querySelectorAll("#face label")) {
        if (label.textContent.match(/\d+/)?.[0] === String(number)) label.click();
      }
    }
    const preset = target.closest?.(".preset");
    const number = preset && document.querySelector(THRESHOLD);
    if (number) {
      number.value = preset.dataset.threshold;
      number.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });

  // A share in words: "0.8" is none.
  const RANGE = "#threshold input[type=range]";
  const share = () => {
    const range = document.querySelector(RANGE);
    const form = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" });
    range?.setAttribute("aria-valuetext", form.format(range.value));
  };
  document.addEventListener("input", ({ target }) => { if (target.matches(RANGE)) share(); });

  // Of a thousand faces; what the visitor says stays when the threshold moves.
  let fakes = null;
  const mix = (field) => {
    if (fakes === null || !at("mix-answer")) return;
    if (document.activeElement !== field) field.value = fakes;
    const right = Math.round(fakes * field.dataset.found);
    const wrong = Math.round((1000 - fakes) * field.dataset.falseAlarms);
    const values = { flagged: right + wrong, right, wrong };
    const answer = at("mix-answer");
    const { template, group } = answer.dataset;
    const written = (count) => String(count).replace(/(?=\d{3}$)\B/, () => group);
    const text = template.replace(/\{(\w+)\}/g, (_, name) => written(values[name]));
    if (answer.textContent !== text) answer.textContent = text;
  };
  document.addEventListener("input", ({ target }) => {
    if (target.id !== "mix" || target.value === "") return;
    fakes = Math.min(1000, Math.max(0, Math.round(target.valueAsNumber)));
    mix(target);
  });
  // Once it is typed: what stands there is what is answered for.
  document.addEventListener("change", ({ target }) => {
    if (target.id === "mix") target.value = fakes ?? target.defaultValue;
  });

  // Gradio gives each button of a group a name of its own, so that arrow keys do not walk it.
  const group = () => document.querySelectorAll("#face input").forEach((one) => { one.name = "face"; });

  // Gradio draws a panel anew, and with it the button that has the focus.
  let focused = "";
  document.addEventListener("focusin", ({ target }) => {
    focused = target.closest?.("#meaning") ? target.id : "";
    if (target.closest?.("#face")) group();
  });

  // A region that was there before the verdict tells of it; one that comes with it is often not read.
  let told = null;
  const tell = () => {
    const heading = document.querySelector("#verdict .verdict h2, #notice .verdict h2");
    const more = heading?.closest(".verdict").querySelectorAll(".misfit, .caveat") ?? [];
    const words = [`${heading?.lastChild.textContent.trim()}.`, ...Array.from(more, (one) => one.textContent)];
    const text = heading ? words.join(" ") : "";
    const region = at("told")?.querySelector("[aria-live]");
    // Another photo is told of, too, where its verdict is the same.
    const now = `${document.querySelector("#verdict [data-ticket]")?.dataset.ticket} ${text}`;
    if (!region || now === told) return;
    // Not the welcome at the start.
    if (told !== null) region.textContent = text;
    told = now;
    // Who has just given a photo goes on at its result; who moves the threshold stays there.
    const giving = document.activeElement;
    if (heading?.matches("[tabindex]") && (giving === document.body || giving.closest("#giving"))) {
      heading.focus({ preventScroll: true });
      // Who took an example at the page's end is below both; on a phone one lies below the other.
      for (const one of [at("photo"), document.querySelector("#verdict .caveat")]) one?.scrollIntoView({ block: "nearest" });
    }
  };

  new MutationObserver(() => {
    tell();
    share();
    const field = at("mix");
    if (field) mix(field);
    if (focused && document.activeElement === document.body) at(focused)?.focus();
  }).observe(document.body, { childList: true, subtree: true });
}
