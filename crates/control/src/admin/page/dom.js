// Creates and changes elements. Text is never parsed as markup.

/** The element of the page with this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Creates an element with properties, including `aria` and `data`, and children. */
export function make(tag, { aria = {}, data = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.entries(aria).forEach(([name, value]) => element.setAttribute(`aria-${name}`, value));
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
}

/** Sets a text. An equal text is not drawn again. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Shows a rounded number, with the exact one as tooltip. */
export function setAmount(element, text, exact) {
  setText(element, text);
  element.dataset.value = exact;
  element.title = `${exact}`;
}

/** Sets a colour of the commands: `good`, `notable`, `bad`, or none. */
export function setTone(element, tone) {
  if ((element.dataset.tone ?? "") === (tone ?? "")) return;
  if (tone) element.dataset.tone = tone;
  else delete element.dataset.tone;
}

/** Fills a definition list with names and texts. */
export function facts(list, pairs) {
  list.replaceChildren(
    ...pairs.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))),
  );
}
