// Asks the server: JSON out, JSON in, and a refusal as what it is.

/** Why the server didn't do it: `{status, kind, detail, waitS}`; `kind` is what programs decide by. */
export class Refusal extends Error {
  constructor(status, problem, waitS) {
    super(problem.detail ?? `status ${status}`);
    this.status = status;
    this.kind = (problem.type ?? '').split(':').at(-1);
    this.waitS = waitS;
  }
}

export class Server {
  /** `token`: of the address; without one the browser's login counts. */
  constructor(token) {
    this.token = token;
  }

  get(url) {
    return this.ask(url, { method: 'GET' }).then((answer) => answer.json());
  }

  text(url) {
    return this.ask(url, { method: 'GET' }).then((answer) => answer.text());
  }

  /** Changes something; the answer's JSON, null where there is none. */
  async send(method, url, body) {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const answer = await this.ask(url, init);
    return answer.status === 204 ? null : answer.json();
  }

  async ask(url, init) {
    const headers = this.token ? { ...init.headers, authorization: `Bearer ${this.token}` } : init.headers;
    const answer = await fetch(url, { ...init, headers });
    if (answer.ok) return answer;
    const problem = await answer.json().catch(() => ({}));
    throw new Refusal(answer.status, problem, Number(answer.headers.get('retry-after') ?? 0));
  }
}

/** Who asks: `{name, role, may, open, wards, ...}`; nobody, where even that can't be told. */
export async function whoAsks(server) {
  try {
    return await server.get('/api/v1/session');
  } catch {
    return { name: null, role: null, may: [], open: false, wards: [], floors: [], classes: [], until: null };
  }
}

/** Where to log in, and to come back from there to where one is. */
export function loginUrl(location) {
  return `/login?next=${encodeURIComponent(location.pathname + location.search)}`;
}

/** A place of this server to go on to; anything else is the wall. */
export function nextPlace(wanted, origin) {
  try {
    const url = new URL(wanted ?? '/', origin);
    return url.origin === origin && url.pathname !== '/login' ? url.pathname + url.search : '/';
  } catch {
    return '/';
  }
}
