() => {
  // Enter analyses, wherever the focus is, unless the focused element uses Enter itself.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.defaultPrevented || event.isComposing) return;
    if (event.target.closest("button, a, input, textarea, select, [role=button], [role=tab]")) return;
    document.getElementById("analyse")?.click();
  });

  // Gradio refuses files by their names, in its own words. What a file is, and whether it is too
  // large, is for the server to say; for the latter it need not see more than one byte too many.
  const limit = MAX_BYTES;
  const isImage = (file) => file.type.startsWith("image/");
  const unjudged = (files) => {
    const transfer = new DataTransfer();
    // Among several files Gradio takes the one that is called a picture.
    const known = [...files].some(isImage);
    for (const file of files) {
      const type = known || isImage(file) ? file.type : "image/unknown";
      transfer.items.add(new File([file.slice(0, limit + 1)], file.name, { type }));
    }
    return transfer.files;
  };
  const needsIt = (files) =>
    files.length && (![...files].some(isImage) || [...files].some((f) => f.size > limit + 1));
  window.addEventListener("change", ({ target }) => {
    if (target.type === "file" && needsIt(target.files)) target.files = unjudged(target.files);
  }, true);
  window.addEventListener("drop", ({ dataTransfer }) => {
    const entries = [...(dataTransfer?.items || [])].map((item) => item.webkitGetAsEntry?.());
    // A folder has no bytes to send; Gradio says that it is no picture.
    if (entries.some((entry) => entry?.isDirectory)) return;
    if (!dataTransfer || !needsIt(dataTransfer.files)) return;
    Object.defineProperty(dataTransfer, "files", { value: unjudged(dataTransfer.files) });
  }, true);

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
  const EVIDENCE = ["The face as the model saw it", "The same face with its evidence"];
  const describe = () => document.querySelectorAll("#evidence img").forEach((image, index) => {
    if (!image.alt) image.alt = EVIDENCE[index];
  });
  new MutationObserver(describe).observe(document.body, { childList: true, subtree: true });
}
