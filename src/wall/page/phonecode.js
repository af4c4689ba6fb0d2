// The code that takes an answer from the wall to the phone: an SVG of the server's, with the asset's id and where one asks from.

import { byId, setName, setShown, setText } from './dom.js';

export class PhoneCode {
  constructor(server) {
    this.server = server;
    this.holder = byId('phone');
    this.key = '';
  }

  /** `wanted`: `{id, at, ward}`, the asset, and the room and the ward that one asks from; null: nothing to take along. */
  show(wanted, text) {
    const key = wanted ? `${wanted.id} ${wanted.at} ${wanted.ward} ${text.language}` : '';
    setName(this.holder, text.t('phone.code'));
    setText(byId('phone-words'), text.t('phone.code'));
    if (key === this.key) return;
    this.key = key;
    if (!wanted) setShown(this.holder, false);
    else this.fetch(key, wanted, text.language);
  }

  async fetch(key, { id, at, ward }, lang) {
    try {
      const query = new URLSearchParams({ ...(at && { at }), ...(ward && { ward }), lang });
      const svg = await this.server.text(`/api/v1/assets/${encodeURIComponent(id)}/qr?${query}`);
      const picture = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement;
      if (this.key !== key) return;
      byId('phone-picture').replaceChildren(document.adoptNode(picture));
      setShown(this.holder, true);
    } catch {
      if (this.key === key) setShown(this.holder, false);
    }
  }
}
