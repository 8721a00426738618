// A list of the API, a page of it at a time: filters, order and place are parameters of the
// question, so never more than a page comes over the wire.

import { ask, withQuery } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { Rows } from "./rows.js";

// Rows of a page.
const LIMIT = 50;

export class Pager {
  #filters;
  #offset = 0;
  #total = 0;
  #changed = () => {};

  /** `name` is the panel's id and the key of the list in an answer. */
  constructor(name, { columns, keyOf, nothing }) {
    this.name = name;
    this.nothing = nothing;
    const panel = byId(name);
    this.form = panel.querySelector("form");
    this.#filters = new FormData(this.form);
    this.message = panel.querySelector(".message");
    this.rows = new Rows(panel.querySelector("table"), {
      columns,
      keyOf,
      sort: this.form.elements.sort.value,
      onSort: (sort) => this.set({ sort }),
    });
    this.#makePages(panel.querySelector("nav"));
    // What must be given as a whole is asked for when it is: not while it is typed.
    this.form.addEventListener("input", ({ target: { dataset, value } }) => {
      if (dataset.whole === undefined || value === "") this.#restart();
    });
    this.form.addEventListener("change", ({ target: { dataset } }) => {
      if (dataset.whole !== undefined) this.#restart();
    });
    this.form.addEventListener("submit", (event) => event.preventDefault());
  }

  /** Calls `changed` whenever something else is to be asked. */
  onChange(changed) {
    this.#changed = changed;
  }

  #makePages(pages) {
    const button = (text, label, by) => {
      const made = make("button", { type: "button", aria: { label } }, text);
      made.addEventListener("click", () => this.turn(by));
      return made;
    };
    this.before = button("‹", "Page before", -1);
    this.place = make("span");
    this.after = button("›", "Next page", 1);
    pages.append(this.before, this.place, this.after);
  }

  /** Sets filters or the order. */
  set(values) {
    Object.entries(values).forEach(([name, value]) => {
      this.form.elements[name].value = value;
    });
    this.#restart();
  }

  #restart() {
    this.#filters = new FormData(this.form);
    this.#offset = 0;
    this.rows.markSort(this.form.elements.sort.value);
    this.#changed();
  }

  /** Goes to the next page, or with -1 to the one before. */
  turn(by) {
    const offset = this.#offset + by * LIMIT;
    if (offset < 0 || offset >= this.#total) return;
    this.#offset = offset;
    this.#changed();
  }

  /** Asks for the page that is to be shown. */
  async ask() {
    const filters = Object.fromEntries(this.#filters);
    const place = { limit: LIMIT, offset: this.#offset, rates: true };
    return ask(withQuery(`/v1/${this.name}`, { ...filters, ...place }));
  }

  /** Shows an answer, or why there is none. */
  show({ failure, total, [this.name]: items }) {
    setText(this.message, failure?.message ?? (total === 0 ? this.nothing : ""));
    if (failure) return;
    this.#total = total;
    this.rows.show(items);
    const last = this.#offset + items.length;
    setText(this.place, total === 0 ? "0" : `${this.#offset + 1}-${last} of ${total}`);
    this.before.disabled = this.#offset === 0;
    this.after.disabled = last >= total;
    // The end of the list may have come nearer.
    if (items.length === 0 && total > 0) {
      this.#offset = Math.floor((total - 1) / LIMIT) * LIMIT;
      this.#changed();
    }
  }
}
