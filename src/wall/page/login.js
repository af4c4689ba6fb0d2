// The login: a person by name and password, a screen by a code that is good once.

import { byId, setShown, setText } from './dom.js';
import { begin, sayAll } from './begin.js';
import { nextPlace } from './server.js';

const { query, server, text, account } = await begin(dress);
const next = nextPlace(query.get('next'), window.location.origin);
let busy = false;

function dress({ text: words, account: who }) {
  document.title = words.t('login.title');
  sayAll(words);
  setShown(byId('inside'), who.name !== null);
  setShown(byId('open-note'), who.open && who.name === null);
  if (who.name === null) return;
  setText(byId('inside-as'), words.t('login.as', { name: who.name }));
  const seen = [...who.wards, ...who.floors.map((floor) => words.t('floor.n', { label: floor })), ...who.classes];
  const role = words.t(`role.${who.role}`);
  setText(byId('inside-may'), seen.length > 0 ? words.t('login.sees', { role, what: seen.join(', ') }) : role);
}

async function logIn(body) {
  if (busy) return;
  busy = true;
  setShown(byId('trouble'), false);
  try {
    await server.send('POST', '/api/v1/session', body);
    window.location.replace(next);
  } catch (refusal) {
    const key = `login.${refusal.kind}`;
    setText(byId('trouble'), text.has(key) ? text.t(key, { n: refusal.waitS }) : text.t('login.failed'));
    setShown(byId('trouble'), true);
    byId('password').value = '';
    busy = false;
  }
}

byId('person').addEventListener('submit', (event) => {
  event.preventDefault();
  logIn({ name: byId('name').value.trim(), password: byId('password').value });
});
byId('screen').addEventListener('submit', (event) => {
  event.preventDefault();
  logIn({ code: byId('code').value });
});
byId('inside-on').href = next;
byId('inside-out').addEventListener('click', async () => {
  await server.send('DELETE', '/api/v1/session').catch(() => {});
  window.location.reload();
});

// A screen without a keyboard is sent here with its code in the address.
const code = query.get('code');
if (code) {
  byId('code').value = code;
  logIn({ code });
} else if (account.name === null) byId('name').focus();
