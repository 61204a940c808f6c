import type { Entry } from '#protocol/entries.js';
import { ChainAudit } from '#settlement/chainAudit.js';
import type { LogAudit } from '../auditor/auditLog.js';
import { chainAt } from './chainKeyFile.js';

/** `audit --chain`: what a log says of its chain, held against the chain. */
export class ChainAuditCommand {
  readonly #urls: readonly string[];
  readonly #audit = new ChainAudit();
  /** Root hashes of the log where it computed balance roots. */
  readonly #rootHashes = new Map<number, string>();

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  /** Takes an entry just after the audit has put it into its tree. */
  take(entry: Entry, index: number, audit: Pick<LogAudit, 'rootHash'>): void {
    this.#audit.take(entry, index);
    if (entry.type === 'balanceRootComputed') this.#rootHashes.set(index + 1, audit.rootHash);
  }

  /** Looks at the chain, and says what it finds. @returns whether everything agrees */
  async holds(audit: Pick<LogAudit, 'state'>): Promise<boolean> {
    const chain = chainAt(this.#urls);
    const found = await this.#audit.hold(chain, audit.state, (treeSize) => this.#rootHashes.get(treeSize) ?? null);
    const { roots, deposits, accounts, flaws } = found;
    console.log(`chain: ${roots} posted roots, ${deposits} credited deposits, the money of ${accounts} accounts`);
    for (const flaw of flaws) console.log(`  DOES NOT AGREE: ${flaw}`);
    if (flaws.length === 0) console.log('  the log and its chain agree');
    return flaws.length === 0;
  }
}
