// Small steps on the page: nothing is written that already stands there, so an idle page does no work.

/** The element of that id; the page has all it is asked for. */
export function byId(id) {
  return document.getElementById(id);
}

/** A new element with a class and, where given, its words. */
export function make(tag, className, words) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (words !== undefined) element.textContent = words;
  return element;
}

/** A button that does one thing. */
export function button(className, words, pressed) {
  const element = make('button', className, words);
  element.type = 'button';
  element.addEventListener('click', pressed);
  return element;
}

export function setText(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

export function setShown(element, shown) {
  if (element.hidden === shown) element.hidden = !shown;
}

export function setName(element, name) {
  if (element.getAttribute('aria-label') !== name) element.setAttribute('aria-label', name);
}

export function setData(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

/** Shows another of the page's icons. */
export function setIcon(holder, name) {
  const use = holder.querySelector('use');
  const href = `#i-${name}`;
  if (use.getAttribute('href') !== href) use.setAttribute('href', href);
}

/** A copy of one of the page's icons. */
export function icon(name) {
  const copy = document.querySelector('#lamp .icon').cloneNode(true);
  copy.querySelector('use').setAttribute('href', `#i-${name}`);
  return copy;
}

/** Makes `parent` have exactly `count` children, made by `create`, which are used again and again. */
export function pool(parent, count, create) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(create());
  return parent.children;
}
