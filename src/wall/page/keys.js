// Keyboard and scanner: a letter begins a search, a burst of keys that ends with Enter is a scanned code.

const BURST_MS = 35;
const CODE_LEAST = 6;

/** Told apart by speed: `key(name, at)` answers the code when one was just completed, else null. */
export function scanner() {
  let code = '';
  let last = -Infinity;
  return (name, at) => {
    const quick = at - last < BURST_MS;
    last = at;
    if (name === 'Enter') {
      const done = quick && code.length >= CODE_LEAST ? code : null;
      code = '';
      return done;
    }
    if (name.length !== 1) return null;
    code = quick ? code + name : name;
    return null;
  };
}

/** `acts`: `code, enter, escape, move(step), zoom(factor), fit, floorStep(step), floorDigit(text)`. */
export function attachKeys(input, acts) {
  const scan = scanner();
  window.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    const code = scan(event.key, event.timeStamp);
    if (code) {
      event.preventDefault();
      acts.code(code);
      return;
    }
    const typing = document.activeElement === input;
    if (handle(event.key, typing, acts, input)) event.preventDefault();
  });
}

function handle(key, typing, acts, input) {
  switch (key) {
    case 'Escape': acts.escape(); return true;
    case 'ArrowDown': acts.move(1); return true;
    case 'ArrowUp': acts.move(-1); return true;
    case 'PageUp': acts.floorStep(1); return true;
    case 'PageDown': acts.floorStep(-1); return true;
    case 'Enter': if (typing) acts.enter(); return typing;
    default:
  }
  if (typing) return false;
  if (key === '+') acts.zoom(1.4);
  else if (key === '-') acts.zoom(1 / 1.4);
  else if (key === '0') acts.fit();
  else if (/^[1-9]$/.test(key)) acts.floorDigit(key);
  else if (/^\p{L}$/u.test(key)) {
    // The letter itself goes into the box: it has the focus by then.
    input.focus();
    return false;
  } else return false;
  return true;
}
