/** Who paid whom for which job: every wei that leaves one account arrives in another. */
export type Account = 'requester' | 'burnt' | number;

interface PaidJob {
  number: number;
  measured: boolean;
}

/** Sums of one account over the measured jobs. */
export interface Balance {
  inWei: number;
  outWei: number;
}

/** The money of a simulated market. Provers are accounts by their index. */
export class Books {
  private readonly balances = new Map<Account, Balance>();
  /** Money moved from provers for jobs that they failed, and how often: what a failure costs, as provers learn it. */
  private fineWei = 0;
  private fines = 0;

  /** Moves an amount, in wei; zero moves nothing. Jobs of the warm-up are counted nowhere. */
  move(job: PaidJob, from: Account, to: Account, amountWei: number): void {
    if (!Number.isSafeInteger(amountWei) || amountWei < 0) throw new Error(`cannot move ${amountWei} wei`);
    if (!job.measured || from === to) return;
    this.of(from).outWei += amountWei;
    this.of(to).inWei += amountWei;
  }

  of(account: Account): Balance {
    let balance = this.balances.get(account);
    if (!balance) {
      balance = { inWei: 0, outWei: 0 };
      this.balances.set(account, balance);
    }
    return balance;
  }

  /** Notes what a failed assignment has cost its prover, in wei. */
  noteFine(amountWei: number): void {
    this.fineWei += amountWei;
    this.fines += 1;
  }

  /** What a failure has cost so far on average; `priorWei` counts as ten failures. */
  meanFineWei(priorWei: number): number {
    return (10 * priorWei + this.fineWei) / (10 + this.fines);
  }
}
