// Elements, made and changed without ever reading text as markup.

/** The element of the page with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** A new element with properties, `aria` and `data` among them, and what stands in it. */
export function make(tag, { aria = {}, data = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.entries(aria).forEach(([name, value]) => element.setAttribute(`aria-${name}`, value));
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
}

/** Changes a text, if it is another one: what did not change is not drawn again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A number as people read it, with the exact one beside it. */
export function setAmount(element, text, exact) {
  setText(element, text);
  element.dataset.value = exact;
  element.title = `${exact}`;
}

/** One of the colours of the commands: `good`, `notable`, `bad`, or none. */
export function setTone(element, tone) {
  if ((element.dataset.tone ?? "") === (tone ?? "")) return;
  if (tone) element.dataset.tone = tone;
  else delete element.dataset.tone;
}

/** Names and what is to be said of them, for a list of definitions. */
export function facts(list, pairs) {
  list.replaceChildren(
    ...pairs.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))),
  );
}
