"use strict";
// Tables sort by the button in each header; figures name the point that is nearest to the pointer; print opens all.
(() => {
  const numberIn = (text) => {
    const found = text.replace(/,(?=\d{3})/g, "").replace(/−/g, "-").match(/-?\d+(\.\d+)?/);
    return found ? Number(found[0]) : null;
  };
  const valueOf = (row, column) => (row.cells[column] ? row.cells[column].textContent.trim() : "");
  const sort = (table, column, header) => {
    const down = header.getAttribute("aria-sort") === "ascending";
    table.querySelectorAll("th").forEach((other) => other.setAttribute("aria-sort", "none"));
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    const words = header.classList.contains("words");
    const order = rows.map((row, place) => ({ row, place, text: valueOf(row, column), number: numberIn(valueOf(row, column)) }));
    order.sort((a, b) => {
      if (!words && (a.number === null) !== (b.number === null)) return a.number === null ? 1 : -1;
      const difference = words || a.number === null ? a.text.localeCompare(b.text) : a.number - b.number;
      return (down ? -difference : difference) || a.place - b.place;
    });
    order.forEach(({ row }) => table.tBodies[0].append(row));
  };
  document.querySelectorAll("table.sortable").forEach((table) => {
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      header.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => sort(table, column, header));
    });
  });

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.append(tip);
  document.querySelectorAll("figure").forEach((figure) => {
    const source = figure.querySelector("script.points");
    const svg = figure.querySelector("svg");
    if (!source || !svg) return;
    const curves = JSON.parse(source.textContent);
    const mark = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    mark.setAttribute("class", "mark");
    mark.setAttribute("r", "3");
    mark.setAttribute("visibility", "hidden");
    svg.append(mark);
    const hide = () => { tip.hidden = true; mark.setAttribute("visibility", "hidden"); };
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
      let best = null, nearest = 12;
      for (const curve of curves) {
        for (const point of curve.points) {
          const distance = Math.hypot(point[0] - x, point[1] - y);
          if (distance < nearest) { nearest = distance; best = [curve, point]; }
        }
      }
      if (!best) { hide(); return; }
      const [curve, point] = best;
      tip.textContent = `${curve.name}: ${curve.x} ${point[2]}, ${curve.y} ${point[3]}`;
      tip.hidden = false;
      const left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
      tip.style.left = `${Math.max(8, left)}px`;
      tip.style.top = `${event.clientY + 16}px`;
      mark.setAttribute("cx", point[0]);
      mark.setAttribute("cy", point[1]);
      mark.setAttribute("visibility", "visible");
    });
    svg.addEventListener("pointerleave", hide);
  });

  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((part) => { part.open = true; });
  });
  window.addEventListener("afterprint", () => folded.forEach((part) => { part.open = false; }));
})();
