import type { LogTree } from '#journal/journalPort.js';
import type { ApiDeps } from './apiDeps.js';

/** The newest checkpoint of a log, with its cosignatures when it has them already. */
export function newestCheckpoint(
  { cosigned }: Pick<ApiDeps, 'cosigned'>,
  { view: { number }, checkpoint }: LogTree,
): string {
  const signed = cosigned?.(number) ?? null;
  const text = checkpoint.slice(0, checkpoint.indexOf('\n\n') + 2);
  return signed?.startsWith(text) ? signed : checkpoint;
}
