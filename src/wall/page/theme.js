// Dark or light, and the colours of the style sheet for those who draw on a canvas.

const NAMES = [
  'ground', 'ink', 'muted', 'panel', 'line', 'wall', 'outline', 'edge', 'free', 'onfree', 'work', 'held', 'alarm', 'dot', 'here', 'halo',
  'room', 'room-patient', 'room-corridor', 'room-storage', 'room-clean', 'room-soiled', 'room-theatre', 'room-emergency',
  'room-diagnostics', 'room-station', 'room-shaft', 'room-quiet',
];
const LIGHT = window.matchMedia('(prefers-color-scheme: light)');

/** Applies `auto`, `dark` or `light` to the page and answers the palette that is then in force. */
export function applyTheme(wanted) {
  document.documentElement.dataset.theme = wanted === 'auto' ? (LIGHT.matches ? 'light' : 'dark') : wanted;
  const style = getComputedStyle(document.documentElement);
  const palette = { key: document.documentElement.dataset.theme };
  for (const name of NAMES) palette[name] = style.getPropertyValue(`--${name}`).trim();
  palette.font = getComputedStyle(document.body).fontFamily;
  return palette;
}

/** `changed()` when the system's own preference does. */
export function watchSystemTheme(changed) {
  LIGHT.addEventListener('change', changed);
}
