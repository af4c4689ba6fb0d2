// A canvas whose pixels are the screen's: one that lies between them is blurred, and resampled for each frame,
// which without a graphics card takes longer than to draw it.

/** The whole pixels of the screen within `from` and `to`: how far behind `from` they begin, and how long they are. */
export function wholePixels(from, to) {
  const pixels = window.devicePixelRatio || 1;
  const first = Math.ceil(from * pixels - 0.01);
  return { start: first / pixels - from, length: (Math.floor(to * pixels + 0.01) - first) / pixels };
}

/** Lays a canvas there, `ratio` pixels of its own a unit. */
export function fitCanvas(canvas, across, along, ratio) {
  canvas.width = Math.round(across.length * ratio);
  canvas.height = Math.round(along.length * ratio);
  canvas.style.left = `${across.start}px`;
  canvas.style.top = `${along.start}px`;
  canvas.style.width = `${across.length}px`;
  canvas.style.height = `${along.length}px`;
  canvas.getContext('2d').setTransform(ratio, 0, 0, ratio, 0, 0);
}
