() => {
  // The timeline of a person: a click or the arrow keys choose a judged frame, which is shown below.
  const read = new WeakMap();
  const data = (film) => {
    if (!read.has(film)) read.set(film, JSON.parse(film.querySelector(".film-data").textContent));
    return read.get(film);
  };

  const parts = (line) => {
    const film = line.closest(".film"), { frames, people } = data(film);
    const number = [...film.querySelectorAll(".film-line")].indexOf(line);
    return { frames, samples: people[number], frame: line.parentElement.querySelector(".film-frame") };
  };

  const show = (line, index) => {
    const { frames, samples, frame } = parts(line);
    const one = samples[Math.min(samples.length - 1, Math.max(0, index))];
    line.setAttribute("aria-valuenow", samples.indexOf(one) + 1);
    line.setAttribute("aria-valuetext", one.text);
    const now = line.querySelector(".now");
    now.setAttribute("d", now.getAttribute("d").replace(/^M\S+/, `M${one.x}`));
    frame.querySelector("image").setAttribute("href", frames[one.frame]);
    frame.querySelector("svg").setAttribute("aria-label", one.alt);
    frame.querySelector("figcaption").textContent = one.text;
    const [left, top, right, bottom] = one.box;
    for (const rect of frame.querySelectorAll("rect")) {
      const place = { x: left, y: top, width: right - left, height: bottom - top };
      for (const [name, value] of Object.entries(place)) rect.setAttribute(name, value);
    }
    frame.querySelector(".box").setAttribute("class", `box is-${one.verdict}`);
  };

  document.addEventListener("click", (event) => {
    const line = event.target.closest?.(".film-line");
    if (!line) return;
    const box = line.querySelector("svg").getBoundingClientRect();
    const x = 1000 * (event.clientX - box.left) / box.width;
    const far = parts(line).samples.map((one) => Math.abs(one.x - x));
    show(line, far.indexOf(Math.min(...far)));
  });

  document.addEventListener("keydown", (event) => {
    const line = event.target.closest?.(".film-line");
    if (!line) return;
    const now = Number(line.getAttribute("aria-valuenow")) - 1, last = parts(line).samples.length - 1;
    const next = {
      ArrowRight: now + 1, ArrowUp: now + 1, ArrowLeft: now - 1, ArrowDown: now - 1,
      PageUp: now + 5, PageDown: now - 5, Home: 0, End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    show(line, next);
  });
}
