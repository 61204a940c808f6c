import { useEffect, useState } from 'preact/hooks';
import { blockIdOf } from '#protocol/units.js';

/** What the page shows, as the part of the address behind `#` says it. */
export type Place =
  | { view: 'market' }
  | { view: 'block'; id: string; job?: string }
  | { view: 'round'; id: string }
  | { view: 'prover'; id: string }
  | { view: 'requester'; id: string }
  | { view: 'log'; index: number | null }
  | { view: 'unknown'; text: string };

/** Reads a place. Whatever is not one is `unknown`, with the text. */
export function placeOf(hash: string): Place {
  const [view = '', id = '', job] = hash.replace(/^#\/?/, '').split('/');
  if (view === '') return { view: 'market' };
  if (view === 'block' && /^0x[0-9a-f]{64}$/.test(id)) return { view, id, ...(job !== undefined && { job }) };
  if (view === 'round' && /^0x[0-9a-f]{64}\.r\d+$/.test(id)) return { view, id };
  if ((view === 'prover' || view === 'requester') && /^0x[0-9a-f]{40}$/.test(id)) return { view, id };
  if (view === 'log' && /^\d{0,15}$/.test(id)) return { view, index: id === '' ? null : Number(id) };
  return { view: 'unknown', text: hash };
}

export const hrefs = {
  market: '#/',
  log: (index?: number) => (index === undefined ? '#/log' : `#/log/${index}`),
  block: (blockId: string) => `#/block/${blockId}`,
  job: (jobId: string) => `#/block/${blockIdOf(jobId)}/${jobId.slice(67)}`,
  round: (roundId: string) => `#/round/${roundId}`,
  prover: (address: string) => `#/prover/${address}`,
  requester: (address: string) => `#/requester/${address}`,
};

/** Where a text that somebody typed leads: an id of any kind, or the number of an entry; null for none. */
export function findPlace(typed: string): string | null {
  const text = typed.trim().toLowerCase();
  if (/^0x[0-9a-f]{64}$/.test(text)) return hrefs.block(text);
  if (/^0x[0-9a-f]{64}\.\d+$/.test(text)) return hrefs.job(text);
  if (/^0x[0-9a-f]{64}\.r\d+$/.test(text)) return hrefs.round(text);
  if (/^0x[0-9a-f]{40}$/.test(text)) return hrefs.prover(text);
  return /^\d{1,15}$/.test(text) ? hrefs.log(Number(text)) : null;
}

export function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location.hash));
  useEffect(() => {
    const follow = () => setPlace(placeOf(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return place;
}
