// Words as people type them: folded for comparing, matched at the beginning of words, forgiven a slip.

const FOLD = { æ: 'ae', ø: 'oe', å: 'aa', ä: 'ae', ö: 'oe', ü: 'u', ß: 'ss' };

/** Lower case, Danish letters written out, everything else that is no letter or digit a space. */
export function fold(text) {
  return String(text ?? '')
    .toLowerCase()
    .replace(/[æøåäöüß]/g, (letter) => FOLD[letter])
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

/** Text that `matches` searches: its words, and each part's words run together (`ip-0042`, `ip0042`). */
export function haystack(parts) {
  const words = [];
  for (const part of parts) {
    const folded = fold(part);
    if (!folded) continue;
    words.push(folded);
    if (folded.includes(' ')) words.push(folded.replaceAll(' ', ''));
  }
  return ` ${words.join(' ')} `;
}

/** True when every token begins a word of one of the texts. */
export function matches(tokens, ...texts) {
  return tokens.every((token) => texts.some((text) => text.includes(` ${token}`)));
}

/** How many letters must change to make one word of the other. */
export function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

/** The `limit` names closest to what was typed: `names` are `{id, words}`, words folded. */
export function closest(typed, names, limit) {
  const wanted = fold(typed);
  const off = (words) =>
    Math.min(...words.split(' ').map((word) => distance(wanted, word.slice(0, wanted.length + 2))));
  return names
    .map(({ id, words }) => ({ id, off: off(words) }))
    .sort((a, b) => a.off - b.off)
    .slice(0, limit)
    .map(({ id }) => id);
}
