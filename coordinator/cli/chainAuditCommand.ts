import type { Entry } from '#protocol/entries.js';
import { ChainAudit } from '#settlement/chainAudit.js';
import type { ChainClient } from '#settlement/chainClient.js';
import type { LogAudit } from '../auditor/auditLog.js';
import { chainAt } from './chainKeyFile.js';

/** `audit --chain`: what a log says of its chain, held against the chain. */
export class ChainAuditCommand {
  readonly #chain: ChainClient;
  readonly #audit = new ChainAudit();
  /** Root hashes of the log where it computed balance roots. */
  readonly #rootHashes = new Map<number, string>();

  #blockNumber = 0;

  constructor(urls: readonly string[]) {
    this.#chain = chainAt(urls);
  }

  /** Call before the log is read: the log then knows all that the chain has by now. */
  async begin(): Promise<void> {
    this.#blockNumber = Number(await this.#chain.use((client) => client.getBlockNumber({ cacheTime: 0 })));
  }

  /** Takes an entry just after the audit has put it into its tree. */
  take(entry: Entry, index: number, audit: Pick<LogAudit, 'rootHash'>): void {
    this.#audit.take(entry, index);
    if (entry.type === 'balanceRootComputed') this.#rootHashes.set(index + 1, audit.rootHash);
  }

  /** Looks at the chain, and says what it finds. @returns whether everything agrees */
  async holds(audit: Pick<LogAudit, 'state'>): Promise<boolean> {
    const found = await this.#audit.hold(
      this.#chain,
      this.#blockNumber,
      audit.state,
      (treeSize) => this.#rootHashes.get(treeSize) ?? null,
    );
    const { roots, deposits, accounts, flaws } = found;
    console.log(`chain: ${roots} posted roots, ${deposits} credited deposits, the money of ${accounts} accounts`);
    for (const flaw of flaws) console.log(`  DOES NOT AGREE: ${flaw}`);
    if (flaws.length === 0) console.log('  the log and its chain agree');
    return flaws.length === 0;
  }
}
