() => {
  // The results of this visit. They live in this tab's storage and end with it.
  const KEY = "deepfake-history";
  const LIMIT = 50;
  const COLUMNS = ["time", "file", "verdict", "p_fake", "threshold", "faces", "model", "sha256"];

  const read = () => {
    try { return JSON.parse(sessionStorage.getItem(KEY)) || []; } catch { return []; }
  };
  const write = (rows) => {
    try { sessionStorage.setItem(KEY, JSON.stringify(rows)); } catch { /* storage is full or off */ }
  };

  // As in verdict.percent: no model can promise 0 % or 100 %.
  const percent = (share) => {
    const value = Math.round(100 * share);
    return value >= 100 ? "over 99 %" : value <= 0 ? "under 1 %" : `${value} %`;
  };

  const cell = (line, text, name) => {
    const data = document.createElement("td");
    data.textContent = text;
    if (name) data.className = name;
    line.append(data);
    return data;
  };

  const render = () => {
    const place = document.getElementById("history-rows");
    if (!place) return;
    const rows = read();
    place.replaceChildren();
    if (!rows.length) {
      const empty = document.createElement("p");
      empty.className = "empty";
      empty.textContent = "Nothing checked yet in this visit.";
      place.append(empty);
      return;
    }
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const title of ["Photo", "File", "Verdict", "Likely fake", "Threshold", "Time"]) {
      const heading = document.createElement("th");
      heading.scope = "col";
      heading.textContent = title;
      head.append(heading);
    }
    const body = table.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      const image = document.createElement("img");
      image.src = row.thumbnail;
      image.alt = "";
      cell(line, "").append(image);
      cell(line, row.file, "file");
      cell(line, row.verdict.replace("_", " "));
      cell(line, row.p_fake === null ? "–" : percent(row.p_fake));
      cell(line, row.threshold.toFixed(2));
      cell(line, new Date(row.time).toLocaleTimeString());
    }
    place.append(table);
  };

  const add = (row) => {
    if (!row || !row.sha256) return;
    // Checking the same file again replaces its line.
    const others = read().filter((other) => other.sha256 !== row.sha256);
    write([{ time: new Date().toISOString(), ...row }, ...others].slice(0, LIMIT));
    render();
  };

  const clear = () => { sessionStorage.removeItem(KEY); render(); };

  const csv = () => {
    const quote = (value) => {
      const text = String(value ?? "");
      // A leading = + - or @ would be run as a formula by a spreadsheet.
      const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? "'" + text : text;
      return '"' + safe.replaceAll('"', '""') + '"';
    };
    const lines = read().map((row) => COLUMNS.map((name) => quote(row[name])).join(","));
    return [COLUMNS.join(","), ...lines].join("\r\n") + "\r\n";
  };

  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    link.download = "deepfake-results.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

  // On a phone the verdict is below the photo and would not be seen.
  const finish = (row) => {
    add(row);
    if (window.innerWidth < 768) {
      document.getElementById("verdict")?.scrollIntoView({ behavior: "smooth", block: "start" });
    }
  };

  window.deepfakeHistory = { finish, clear, save };

  // Enter analyses, wherever the focus is, unless the focused element uses Enter itself.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.defaultPrevented || event.isComposing) return;
    if (event.target.closest("button, a, input, textarea, select, [role=button], [role=tab]")) return;
    document.getElementById("analyse")?.click();
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
  const EVIDENCE = ["The face as the model saw it", "The same face with its evidence"];
  const describe = () => document.querySelectorAll("#evidence img").forEach((image, index) => {
    if (!image.alt) image.alt = EVIDENCE[index];
  });
  new MutationObserver(describe).observe(document.body, { childList: true, subtree: true });

  // The page is drawn piece by piece; wait for the table's place.
  const wait = () => (document.getElementById("history-rows") ? render() : setTimeout(wait, 100));
  wait();
}
