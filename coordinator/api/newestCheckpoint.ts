import type { ApiDeps } from './apiDeps.js';

/** The newest checkpoint, with its cosignatures when it has them already. */
export async function newestCheckpoint({ journal, cosigned }: Pick<ApiDeps, 'journal' | 'cosigned'>): Promise<string> {
  const checkpoint = await journal.checkpoint();
  const signed = cosigned?.() ?? null;
  const text = checkpoint.slice(0, checkpoint.indexOf('\n\n') + 2);
  return signed?.startsWith(text) ? signed : checkpoint;
}
