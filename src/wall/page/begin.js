// What every page beside the wall begins with: who asks, the language, the theme, and the bar's buttons.

import { byId, setName, setText } from './dom.js';
import { Server, loginUrl, whoAsks } from './server.js';
import { Text, pickLanguage } from './i18n.js';
import { applyTheme, watchSystemTheme } from './theme.js';
import { remember, remembered } from './memory.js';

const BASE = new URL('.', import.meta.url);

/** Reads a parameter that may be one of a few words; another is as if it weren't there. */
function one(query, name, words) {
  const value = query.get(name);
  return words.includes(value) ? value : undefined;
}

/** `dress(page)` writes the page's own words, at the start and in another language. */
export async function begin(dress) {
  const query = new URLSearchParams(window.location.search);
  const server = new Server(new URLSearchParams(window.location.hash.slice(1)).get('token'));
  const [da, en, account] = await Promise.all([
    server.get(new URL('languages/da.json', BASE)),
    server.get(new URL('languages/en.json', BASE)),
    whoAsks(server),
  ]);
  const text = new Text({ da, en }, pickLanguage(one(query, 'lang', ['da', 'en']), remembered('language'), navigator.languages ?? []));
  const page = { query, server, text, account, colours: null };
  const theme = one(query, 'theme', ['auto', 'dark', 'light']) ?? remembered('theme') ?? 'dark';
  const all = () => {
    page.colours = applyTheme(theme);
    document.documentElement.lang = text.language;
    setText(byId('language'), text.t('button.language'));
    setName(byId('language'), text.t('button.language.label'));
    showAccount(page);
    dress(page);
  };
  byId('language').addEventListener('click', () => {
    text.set(text.language === 'da' ? 'en' : 'da', text.timeZone);
    remember('language', text.language);
    all();
  });
  watchSystemTheme(all);
  all();
  return page;
}

/** Who is logged in, or the way to do so; on the login page neither. */
function showAccount({ account, text }) {
  const link = byId('account');
  if (!link) return;
  link.href = loginUrl(window.location);
  setText(link, account.name ?? text.t('login.go'));
  setName(link, account.name ? text.t('login.as', { name: account.name }) : text.t('login.go'));
  link.hidden = account.open && !account.name;
}

/** Every text that the page marks with `data-say`. */
export function sayAll(text) {
  for (const element of document.querySelectorAll('[data-say]')) setText(element, text.t(element.dataset.say));
}
