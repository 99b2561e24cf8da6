// Small ways to make parts of the page. Text only ever becomes text: nothing here reads HTML.

export const byId = (id) => document.getElementById(id);

export const isTouch = matchMedia("(pointer: coarse)").matches;

export function element(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

export function svg(name, properties = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), properties, children);
}

function filled(made, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

export function say(text) {
  byId("status").textContent = text;
}

// What a storage holds is a convenience; some browsers forbid it.
export function stored(storage, name, value) {
  try {
    const place = window[storage];
    if (value === undefined) return place.getItem(name);
    if (value === null) place.removeItem(name);
    else place.setItem(name, value);
  } catch {
    // The page works without.
  }
  return null;
}

// What a storage holds as JSON; undefined where it holds none, or something else.
export function storedValue(storage, name) {
  try {
    return JSON.parse(stored(storage, name)) ?? undefined;
  } catch {
    return undefined;
  }
}
