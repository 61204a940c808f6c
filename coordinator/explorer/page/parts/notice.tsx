import type { Loaded } from '../data/useData.js';

/** What stands in the place of something that is not there yet, or could not be read. */
export function Notice({ of, what }: { of: Pick<Loaded<unknown>, 'error'>; what: string }) {
  if (of.error === null) return <p class="quiet">Reading {what}…</p>;
  return (
    <p role="alert" class="bad">
      {what} could not be read: {of.error}
    </p>
  );
}
