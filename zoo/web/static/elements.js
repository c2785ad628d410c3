// Making elements. Text only ever enters the page as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** The element with an id. */
export const byId = (id) => document.getElementById(id);

/** A new element; children are elements or strings, and strings become text. */
export function make(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** A new SVG element. */
export function draw(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Say something in a place for problems, or hide the place where there is nothing to say. */
export function tell(place, title = "", detail = "", ...actions) {
  place.replaceChildren();
  if (title) place.append(make("strong", {}, title), detail && ` ${detail}`, ...actions);
  place.hidden = !title;
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}
