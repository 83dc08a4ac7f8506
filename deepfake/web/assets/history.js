(words) => {
  // Results that this browser keeps, on this device; the server keeps nothing of them. Each has its
  // report as a page of its own, so that it opens whatever became of the server.
  const KEY = "deepfake-history";
  const OFF = "deepfake-history-off";
  const LIMIT = 30;
  const COLUMNS = ["time", "file", "verdict", "p_fake", "threshold", "faces", "model", "sha256"];

  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const isOff = () => stored(OFF) !== null;
  const read = () => {
    try { return JSON.parse(stored(KEY)) || []; } catch { return []; }
  };
  const write = (rows) => {
    // Browsers give a page a few megabytes: the oldest go first.
    for (let kept = rows.slice(0, LIMIT); ; kept = kept.slice(0, -1)) {
      try { localStorage.setItem(KEY, JSON.stringify(kept)); return; } catch { /* full, or off */ }
      if (!kept.length) return;
    }
  };

  // As in texts.share: no model can promise 0 % or 100 %.
  const percent = (share) => {
    const value = Math.round(100 * share);
    const said = value > 99 ? words.above_99 : value < 1 ? words.below_one : value;
    return words.percent.replace("{value}", () => said);
  };
  const when = (time) => {
    const then = new Date(time);
    const today = then.toDateString() === new Date().toDateString();
    // Digits as everywhere on the page.
    const language = `${document.documentElement.lang}-u-nu-latn`;
    return today ? then.toLocaleTimeString(language) : then.toLocaleString(language);
  };

  const make = (name, place, text = "", names = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    if (names) made.className = names;
    place.append(made);
    return made;
  };

  const render = () => {
    const place = document.getElementById("history-rows");
    if (!place) return;
    const box = document.getElementById("history-on");
    if (box) box.checked = !isOff();
    const rows = read();
    place.replaceChildren();
    if (!rows.length) {
      make("p", place, isOff() ? words.off : words.empty, "empty");
      return;
    }
    const table = make("table", place);
    const head = table.createTHead().insertRow();
    for (const title of words.columns) make("th", head, title).scope = "col";
    const body = table.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      const image = make("img", make("td", line));
      image.src = row.thumbnail;
      image.alt = "";
      const open = make("button", make("td", line, "", "file"), row.file || words.report, "reopen");
      open.type = "button";
      open.setAttribute("aria-label", words.open.replace("{file}", () => row.file));
      open.addEventListener("click", () => show(row));
      // As in wording.face_name: a threshold of the visitor's own makes nobody real.
      const passed = row.moved && row.verdict === "real";
      make("td", line, passed ? words.passed : words.verdicts[row.verdict] ?? row.verdict);
      make("td", line, row.p_fake === null ? "–" : percent(row.p_fake));
      // As in Report.called_fake_from: of several faces more is asked.
      const from = Math.max(row.threshold, row.record?.report?.uncertain_band?.[1] ?? 0);
      make("td", line, words.percent.replace("{value}", () => Math.round(100 * from)));
      make("td", line, when(row.time));
    }
  };

  const add = (row) => {
    if (!row || !row.sha256 || isOff()) return;
    // The same file with the same model has one line: its newest, at the threshold of now.
    const same = (other) => other.sha256 === row.sha256 && other.model === row.model;
    write([row, ...read().filter((other) => !same(other))]);
    render();
  };

  const forget = () => { try { localStorage.removeItem(KEY); } catch { /* off */ } render(); };
  const turn = (on) => {
    try {
      if (on) localStorage.removeItem(OFF); else localStorage.setItem(OFF, "1");
    } catch { /* off anyway */ }
    if (on) render(); else forget();
  };

  const save = (name, type, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const asJson = (value) => JSON.stringify(value, null, 1) + "\n";
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

  // A report, {html, record, file}, as a file.
  const saveReport = (report, kind) => {
    if (!report) return;
    const name = `deepfake-report-${(report.file || "photo").replace(/\.\w+$/, "")}.${kind}`;
    if (kind === "html") save(name, "text/html", report.html);
    else save(name, "application/json", asJson(report.record));
  };

  const show = (row) => {
    const dialog = make("dialog", document.body, "", "report-dialog");
    dialog.setAttribute("aria-label", `${words.report}: ${row.file}`);
    const bar = make("div", dialog, "", "actions");
    // No scripts run in it; the first permission lets this page print it.
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-same-origin allow-modals";
    frame.title = words.report;
    frame.srcdoc = row.html;
    const actions = {
      print: () => frame.contentWindow.print(),
      page: () => saveReport(row, "html"),
      json: () => saveReport(row, "json"),
      close: () => dialog.close(),
    };
    for (const [name, act] of Object.entries(actions)) {
      const button = make("button", bar, words[name]);
      button.type = "button";
      button.addEventListener("click", act);
      button.autofocus = name === "close";
    }
    dialog.append(frame);
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.showModal();
  };

  window.deepfakeHistory = {
    add, saveReport, clear: forget,
    saveCsv: () => save("deepfake-results.csv", "text/csv", csv()),
    saveJson: () => save("deepfake-results.json", "application/json", asJson(read().map((row) => row.record))),
  };

  document.addEventListener("change", ({ target }) => {
    if (target.id === "history-on") turn(target.checked);
  });
  // Another tab of this browser has added or cleared something.
  window.addEventListener("storage", render);

  // The page is drawn piece by piece; wait for the table's place.
  const wait = () => (document.getElementById("history-rows") ? render() : setTimeout(wait, 100));
  wait();
}
