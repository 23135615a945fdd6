"use strict";
// On paper, all there is to know about a picture is shown.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((more) => { more.open = true; }));
// A link to what is folded opens it.
const unfold = () => {
  const fold = document.getElementById(decodeURIComponent(location.hash.slice(1)))?.querySelector(":scope > .fold");
  if (fold) fold.open = true;
};
addEventListener("hashchange", unfold);
unfold();
// Sorting and filtering of the long tables, and the theme. Without scripts the report is whole, only not interactive.
(() => {
  const numeric = (cell) => {
    const value = cell.dataset.value;
    return value === undefined || value === "" ? null : Number(value);
  };

  const words = new Intl.Collator("en", { numeric: true });

  function compare(column, down) {
    return (one, two) => {
      const a = one.cells[column], b = two.cells[column];
      const x = numeric(a), y = numeric(b);
      if (x !== null && y !== null) return ((x > y) - (x < y)) * (down ? -1 : 1); // also where both are infinite
      if ((x === null) !== (y === null) && (a.dataset.value !== undefined || b.dataset.value !== undefined)) {
        return x === null ? 1 : -1; // what has no number stands at the end, whichever way
      }
      return words.compare(a.textContent.trim(), b.textContent.trim()) * (down ? -1 : 1);
    };
  }

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.dataset.key) return; // of pictures, which have no order
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      // The first click shows the largest numbers, or the beginning of the alphabet.
      const first = [...table.tBodies[0].rows].some((row) => row.cells[column].dataset.value) ? "descending" : "ascending";
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const down = (now === "none" ? first : now === "descending" ? "ascending" : "descending") === "descending";
        heads.forEach((other) => other.dataset.key && other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        body.append(...[...body.rows].sort(compare(column, down)));
      });
    });
  }

  function filterable(table) {
    const input = document.querySelector(`[data-filter="${table.id}"]`);
    const count = document.querySelector(`[data-count="${table.id}"]`);
    const rows = [...table.tBodies[0].rows];
    const texts = new Map(rows.map((row) => [row, [...row.cells].map((cell) => cell.textContent.trim().toLowerCase())]));
    const apply = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        // A whole number asks for the cell that says just that; other words may stand anywhere.
        const fits = words.every((word) =>
          texts.get(row).some((text) => (/^\d+$/.test(word) ? text === word : text.includes(word))));
        row.hidden = !fits;
        shown += fits;
      }
      count.textContent = `${shown} of ${rows.length} rows`;
    };
    input.addEventListener("input", apply);
    input.closest(".tools").hidden = false;
    apply();
  }

  for (const table of document.querySelectorAll("table[data-interactive]")) {
    sortable(table);
    filterable(table);
  }

  const themes = ["system", "light", "dark"];
  const named = { system: "as the system", light: "light", dark: "dark" };
  const button = document.getElementById("theme");
  const remembered = () => {
    try { return localStorage.getItem("gapkit-theme"); } catch { return null; } // not allowed for files everywhere
  };
  const show = (theme) => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${named[theme]}`;
    button.dataset.shown = theme;
  };
  show(themes.includes(remembered()) ? remembered() : "system");
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(button.dataset.shown) + 1) % themes.length];
    show(next);
    try { localStorage.setItem("gapkit-theme", next); } catch { /* the choice lasts until the page is closed */ }
  });
})();
