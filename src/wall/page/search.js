// Which assets a question means: a class, or words over label, class, room and ward in both languages.

import { AVAILABLE } from './store.js';
import { className } from './classes.js';
import { closest, fold, haystack, matches } from './words.js';

export class Search {
  /** `texts`: the dictionaries of both languages; a porter may type either. */
  constructor(store, dictionaries) {
    this.store = store;
    this.dictionaries = dictionaries;
    this.classTexts = new Map();
    this.freeWords = new Set(Object.values(dictionaries).flatMap((words) => fold(words['search.free-words']).split(' ')));
  }

  /** Slots that match; `words` go before the class. */
  slots(classId, words, rooms) {
    return words.trim() ? this.byWords(words, rooms) : this.byClass(classId);
  }

  byClass(classId) {
    const { store } = this;
    const wanted = store.classes.indexOf(classId);
    const found = [];
    if (wanted < 0) return found;
    for (let slot = 0; slot < store.high; slot += 1) if (store.used[slot] && store.classOf[slot] === wanted) found.push(slot);
    return found;
  }

  byWords(words, rooms) {
    const { store } = this;
    let tokens = fold(words).split(' ').filter(Boolean);
    const onlyFree = tokens.some((token) => this.freeWords.has(token));
    tokens = tokens.filter((token) => !this.freeWords.has(token));
    const found = [];
    if (tokens.length === 0 && !onlyFree) return found;
    for (let slot = 0; slot < store.high; slot += 1) {
      if (!store.used[slot] || (onlyFree && store.status[slot] !== AVAILABLE)) continue;
      const room = store.zones[slot] === null ? null : rooms.get(store.zones[slot]);
      if (matches(tokens, this.textOf(slot), room?.folded ?? '')) found.push(slot);
    }
    return found;
  }

  textOf(slot) {
    const { store } = this;
    store.texts[slot] ??= haystack([store.ids[slot], store.labels[slot], store.homes[slot]]) + this.classText(store.classes[store.classOf[slot]]);
    return store.texts[slot];
  }

  classText(classId) {
    let text = this.classTexts.get(classId);
    if (text === undefined) {
      const parts = [classId];
      for (const words of Object.values(this.dictionaries)) {
        for (const form of ['', '.short', '.words']) parts.push(words[`class.${classId}${form}`]);
      }
      text = haystack(parts);
      this.classTexts.set(classId, text);
    }
    return text;
  }

  /** The asset whose id or label is exactly `code`, however it is written; -1: none. */
  exact(code) {
    const { store } = this;
    const direct = store.slots.get(code);
    if (direct !== undefined) return direct;
    const wanted = fold(code).replaceAll(' ', '');
    for (let slot = 0; slot < store.high; slot += 1) {
      if (!store.used[slot]) continue;
      if (fold(store.ids[slot]).replaceAll(' ', '') === wanted || fold(store.labels[slot]).replaceAll(' ', '') === wanted) return slot;
    }
    return -1;
  }

  /** The three classes whose names are closest to what was typed. */
  suggestions(words, text) {
    const names = this.store.classes.map((id) => ({ id, words: this.classText(id).trim() }));
    return closest(words, names, 3).map((id) => ({ id, name: className(id, text) }));
  }
}
