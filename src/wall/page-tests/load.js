// Lets Node read the page's files as modules: the page has no package.json and needs none.

import { readFile } from 'node:fs/promises';
import { register } from 'node:module';

const PAGE = new URL('../page/', import.meta.url);
const hook = `export async function load(url, context, next) {
  return next(url, url.startsWith(${JSON.stringify(PAGE.href)}) && url.endsWith('.js') ? { ...context, format: 'module' } : context);
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

export const load = (name) => import(new URL(name, PAGE).href);

const read = async (language) => JSON.parse(await readFile(new URL(`languages/${language}.json`, PAGE), 'utf8'));
export const languages = { da: await read('da'), en: await read('en') };
