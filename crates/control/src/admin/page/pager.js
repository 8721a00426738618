// A list of the API, one page at a time. Filters, order and offset are parameters of the request, so
// never more than a page is transferred.

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

  /**
   * `name` is the panel's id. By default, it is also the name of the list in the API and in an answer. `remark`
   * returns the text above the rows, of an answer and of whether filters select some of the list.
   */
  constructor(name, { columns, keyOf, remark, path, list, more = { rates: true } }) {
    this.path = path ?? `/v1/${name}`;
    this.list = list ?? name;
    this.more = more;
    this.remark = remark;
    const panel = byId(name);
    this.form = panel.querySelector("form");
    this.#filters = new FormData(this.form);
    this.message = panel.querySelector(".message");
    this.rows = new Rows(panel.querySelector("table"), {
      columns,
      keyOf,
      sort: this.form.elements.sort?.value,
      onSort: (sort) => this.set({ sort }),
    });
    this.#makePages(panel.querySelector("nav"));
    // A field that needs a complete value is applied on change, not while it is typed.
    this.form.addEventListener("input", ({ target: { dataset, value } }) => {
      if (dataset.whole === undefined || value === "") this.#restart();
    });
    this.form.addEventListener("change", ({ target: { dataset } }) => {
      if (dataset.whole !== undefined) this.#restart();
    });
    this.form.addEventListener("submit", (event) => event.preventDefault());
  }

  /** Sets the callback for changes of filters, order or page. */
  onChange(changed) {
    this.#changed = changed;
  }

  #makePages(pages) {
    const button = (text, label, by) => {
      const made = make("button", { type: "button", aria: { label } }, text);
      made.addEventListener("click", () => this.turn(by));
      return made;
    };
    this.before = button("‹", "Previous page", -1);
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
    this.rows.markSort(this.form.elements.sort?.value);
    this.#changed();
  }

  #isFiltered() {
    return [...this.#filters].some(([name, value]) => name !== "sort" && value !== "");
  }

  /** Goes to the next page, or with -1 to the previous one. */
  turn(by) {
    const offset = this.#offset + by * LIMIT;
    if (offset < 0 || offset >= this.#total) return;
    this.#offset = offset;
    this.#changed();
  }

  /** Requests the current page. */
  async ask() {
    const filters = Object.fromEntries(this.#filters);
    const place = { limit: LIMIT, offset: this.#offset };
    return ask(withQuery(this.path, { ...filters, ...place, ...this.more }));
  }

  /** Shows an answer, or its error. */
  show({ failure, ...answer }) {
    setText(this.message, failure?.message ?? this.remark(answer, this.#isFiltered()));
    if (failure) return;
    const { total, [this.list]: items } = answer;
    this.#total = total;
    this.rows.show(items);
    const last = this.#offset + items.length;
    setText(this.place, total === 0 ? "0" : `${this.#offset + 1}-${last} of ${total}`);
    this.before.disabled = this.#offset === 0;
    this.after.disabled = last >= total;
    // The list has become shorter than the offset.
    if (items.length === 0 && total > 0) {
      this.#offset = Math.floor((total - 1) / LIMIT) * LIMIT;
      this.#changed();
    }
  }
}
