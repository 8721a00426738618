// A table that keeps one element per item, so that nothing flickers and the focus stays on its item
// when rows move.

import { make } from "./dom.js";

/** The CSS classes of a column: `number`, `address`, and the window size that shows it. */
function classOf({ number, address, room }) {
  return [number && "number", address && "address", room && `needs-${room}`].filter(Boolean).join(" ");
}

export class Rows {
  #body = make("tbody");
  #heads = new Map();
  #rows = new Map();

  constructor(table, { columns, keyOf, sort, onSort }) {
    this.columns = columns;
    this.keyOf = keyOf;
    const row = make("tr", {}, ...columns.map((column) => this.#head(column, onSort)));
    table.append(make("thead", {}, row), this.#body);
    this.markSort(sort);
  }

  #head(column, onSort) {
    const cell = make("th", { className: classOf(column), scope: "col" });
    if (!column.sort) {
      cell.append(make("span", { className: column.hidden ? "unseen" : "" }, column.head));
      return cell;
    }
    const button = make("button", { type: "button" }, column.head);
    button.addEventListener("click", () => onSort(column.sort));
    this.#heads.set(column.sort, cell);
    cell.append(button);
    return cell;
  }

  /** Marks the column of the sort order, if there is a choice. */
  markSort(sort = "") {
    this.sort = sort;
    for (const row of this.#body.children) this.#markCells(row);
    for (const [word, cell] of this.#heads) {
      const order = ["id", "name"].includes(word) ? "ascending" : "descending";
      cell.setAttribute("aria-sort", word === sort ? order : "none");
      cell.classList.toggle("sorted", word === sort);
    }
  }

  /** Marks the cells of the sorted column, which is shown in every window. */
  #markCells(row) {
    this.columns.forEach((column, place) => {
      row.children[place].classList.toggle("sorted", column.sort === this.sort);
    });
  }

  /** Shows exactly these items, in this order. */
  show(items) {
    const focused = this.#body.contains(document.activeElement) ? document.activeElement : null;
    const rows = items.map((item) => this.#row(item));
    const shown = new Set(rows);
    for (const [key, row] of this.#rows) {
      if (!shown.has(row)) {
        row.remove();
        this.#rows.delete(key);
      }
    }
    rows.forEach((row, place) => {
      if (this.#body.children[place] !== row) {
        this.#body.insertBefore(row, this.#body.children[place] ?? null);
      }
    });
    // A moved element loses the focus.
    if (focused && focused !== document.activeElement && focused.isConnected) {
      focused.focus({ preventScroll: true });
    }
  }

  #row(item) {
    const key = this.keyOf(item);
    const row = this.#rows.get(key) ?? this.#newRow(key);
    row.item = item;
    this.columns.forEach((column, place) => column.fill(row.children[place], item));
    return row;
  }

  #newRow(key) {
    const cell = (column) => make("td", { className: classOf(column) });
    const row = make("tr", {}, ...this.columns.map(cell));
    this.#markCells(row);
    this.#rows.set(key, row);
    return row;
  }

  /** The item of the focused row. */
  get current() {
    return this.#body.contains(document.activeElement)
      ? document.activeElement.closest("tr").item
      : undefined;
  }

  /** Focuses the next row, or with -1 the previous one; without a focused row, the first. */
  step(by) {
    const now = document.activeElement.closest("tr");
    const rows = [...this.#body.children];
    const place = now && rows.includes(now) ? rows.indexOf(now) + by : 0;
    const next = rows[Math.min(Math.max(place, 0), rows.length - 1)];
    next?.querySelector("button")?.focus();
  }
}
