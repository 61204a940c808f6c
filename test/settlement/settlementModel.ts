/**
 * The settlement contract in TypeScript, with an honest ledger behind it: what each call must do, and what everybody has
 * afterwards. It knows nothing of hashes and proofs; whether a call carries the right ones is said to it.
 */
import type { Entitlement } from '#protocol/balanceTree.js';
import type { Address } from '#protocol/units.js';

/** A deposit on the line of all deposits. */
export interface ModelDeposit {
  account: Address;
  startWei: bigint;
  amountWei: bigint;
  isRefunded: boolean;
}

/** A committed job set. */
export interface ModelSet {
  committedEpoch: bigint;
  items: { payee: Address; amountWei: bigint; isOpen: boolean }[];
}

/** What a call must do: nothing but an error, or nothing but succeed. */
export type Outcome = string | null;

export class SettlementModel {
  depositedWei = 0n;
  committedWei = 0n;
  holdingsWei = 0n;
  epoch = 0n;
  isExit = false;
  readonly deposits: ModelDeposit[] = [];
  readonly sets: ModelSet[] = [];
  readonly withdrawnWei = new Map<Address, bigint>();
  readonly earnedWei = new Map<Address, bigint>();
  readonly paidWei = new Map<Address, bigint>();
  /** What the last root says. */
  root = { entitlements: [] as Entitlement[], creditedWei: 0n, sumWei: 0n };

  // The ledger, off chain: what everybody may have taken in all, and how many deposits are in it.
  readonly ledgerWei = new Map<Address, bigint>();
  creditedDeposits = 0;

  private pay(paid: Map<Address, bigint>, account: Address, amountWei: bigint): void {
    add(paid, account, amountWei);
    this.holdingsWei -= amountWei;
    if (this.holdingsWei < 0n) throw new Error('the model owes more than it holds');
  }

  deposit(account: Address, amountWei: bigint): Outcome {
    if (this.isExit) return 'ExitBegun';
    if (amountWei === 0n) return 'ZeroAmount';
    this.deposits.push({ account, startWei: this.depositedWei, amountWei, isRefunded: false });
    this.depositedWei += amountWei;
    this.holdingsWei += amountWei;
    return null;
  }

  /** Off chain: takes further deposits into the ledger. */
  credit(count: number): void {
    for (const { account, amountWei } of this.deposits.slice(this.creditedDeposits, this.creditedDeposits + count)) {
      add(this.ledgerWei, account, amountWei);
      this.creditedDeposits += 1;
    }
  }

  get creditedWei(): bigint {
    const last = this.deposits[this.creditedDeposits - 1];
    return last ? last.startWei + last.amountWei : 0n;
  }

  /** Off chain: what an account can spend without going below what it has, or could have by a voucher, taken out. */
  spendableWei(account: Address): bigint {
    return (this.ledgerWei.get(account) ?? 0n) - this.voucheredWei(account);
  }

  readonly vouchers = new Map<Address, bigint>();
  private voucheredWei(account: Address): bigint {
    return this.vouchers.get(account) ?? 0n;
  }

  /** Off chain: what the coordinator may sign a voucher for: what the newest root and the ledger both have. */
  vouchableWei(account: Address): bigint {
    const inRoot = this.root.entitlements.find((one) => one.account === account)?.cumulativeWei ?? 0n;
    const inLedger = this.ledgerWei.get(account) ?? 0n;
    return inRoot < inLedger ? inRoot : inLedger;
  }

  withdraw(account: Address, cumulativeWei: bigint, isSigned: boolean): Outcome {
    if (this.isExit) return 'ExitBegun';
    if (!isSigned) return 'WrongSignature';
    return this.payUpTo(account, cumulativeWei);
  }

  private payUpTo(account: Address, cumulativeWei: bigint): Outcome {
    const beforeWei = this.withdrawnWei.get(account) ?? 0n;
    if (cumulativeWei <= beforeWei) return 'NothingToPay';
    this.pay(this.withdrawnWei, account, cumulativeWei - beforeWei);
    return null;
  }

  postRoot(epoch: bigint, entitlements: Entitlement[], creditedWei: bigint): Outcome {
    const sumWei = entitlements.reduce((sum, one) => sum + one.cumulativeWei, 0n);
    if (this.isExit) return 'ExitBegun';
    if (epoch !== this.epoch + 1n) return 'WrongEpoch';
    if (creditedWei < this.root.creditedWei || creditedWei > this.depositedWei) return 'WrongCredited';
    if (sumWei + this.committedWei > creditedWei) return 'MoreThanHeld';
    this.root = { entitlements, creditedWei, sumWei };
    this.epoch = epoch;
    return null;
  }

  commit(set: ModelSet): Outcome {
    if (this.isExit) return 'ExitBegun';
    const totalWei = set.items.reduce((sum, { amountWei }) => sum + amountWei, 0n);
    if (this.committedWei + totalWei > this.depositedWei) return 'MoreThanHeld';
    this.committedWei += totalWei;
    this.sets.push(set);
    return null;
  }

  settle(set: ModelSet, first: number, count: number, isValid: boolean): Outcome {
    if (set.committedEpoch >= this.epoch) return 'RootNotPostedYet';
    const open = set.items.slice(first, first + count).filter(({ isOpen }) => isOpen);
    if (open.length > 0 && !isValid) return 'InvalidZkProofs';
    for (const item of open) {
      item.isOpen = false;
      add(this.earnedWei, item.payee, item.amountWei);
    }
    return null;
  }

  payEarnings(payee: Address): Outcome {
    const amountWei = (this.earnedWei.get(payee) ?? 0n) - (this.paidWei.get(payee) ?? 0n);
    if (amountWei === 0n) return 'NothingToPay';
    this.pay(this.paidWei, payee, amountWei);
    return null;
  }

  claim(index: number, isProven: boolean): Outcome {
    if (!this.isExit) return 'ExitNotBegun';
    if (!isProven) return 'WrongInclusionProof';
    const { account, cumulativeWei } = this.root.entitlements[index]!;
    return this.payUpTo(account, cumulativeWei);
  }

  refund(deposit: ModelDeposit): Outcome {
    if (!this.isExit) return 'ExitNotBegun';
    if (deposit.isRefunded || deposit.startWei + deposit.amountWei <= this.root.creditedWei) return 'NoSuchDeposit';
    const fromWei = deposit.startWei > this.root.creditedWei ? deposit.startWei : this.root.creditedWei;
    deposit.isRefunded = true;
    this.holdingsWei -= deposit.startWei + deposit.amountWei - fromWei;
    return null;
  }
}

function add(map: Map<Address, bigint>, key: Address, amountWei: bigint): void {
  map.set(key, (map.get(key) ?? 0n) + amountWei);
}
