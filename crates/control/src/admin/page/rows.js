// A table whose rows stay the same elements as long as what they show is there: nothing flickers,
// and the focus stays on its row when rows change places.

import { make } from "./dom.js";

/** `number` for figures; what needs room is hidden where there is none. */
function classOf({ number, room }) {
  return [number && "number", room && `needs-${room}`].filter(Boolean).join(" ");
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

  /** Marks the column that the rows are sorted by. */
  markSort(sort) {
    for (const [word, cell] of this.#heads) {
      const order = ["id", "name"].includes(word) ? "ascending" : "descending";
      cell.setAttribute("aria-sort", word === sort ? order : "none");
    }
  }

  /** Shows these items, in this order, and no others. */
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
    // Moving an element takes the focus from it.
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
    this.#rows.set(key, row);
    return row;
  }

  /** What the row with the focus shows. */
  get current() {
    return this.#body.contains(document.activeElement)
      ? document.activeElement.closest("tr").item
      : undefined;
  }

  /** Gives the focus to the next row, or with -1 to the one before; else to the first. */
  step(by) {
    const now = document.activeElement.closest("tr");
    const rows = [...this.#body.children];
    const place = now && rows.includes(now) ? rows.indexOf(now) + by : 0;
    const next = rows[Math.min(Math.max(place, 0), rows.length - 1)];
    next?.querySelector("button")?.focus();
  }
}
