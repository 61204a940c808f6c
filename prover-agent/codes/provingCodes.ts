import type { GiveUp } from '#protocol/messages.js';
import type { ProvingFlaw } from '../proving/provingError.js';
import type { CodeAdvice } from './codeAdvice.js';

/** Why an attempt at a zkProof failed. */
export const FLAW_CODES: Record<ProvingFlaw, CodeAdvice> = {
  unsatisfied: [
    'the input breaks a rule of the circuit, named by template and line',
    'nothing: the market looks into it',
  ],
  inputShape: ['the input is not one of the circuit’s', 'nothing: the market looks into it'],
  otherSignals: ['the input leads to another statement than the job’s', 'nothing: the market looks into it'],
  witnessTimeLimit: [
    'the circuit’s witness generator took too long and was ended',
    'raise `witness.limit_ms`, or do not serve the circuit',
  ],
  witnessMemoryLimit: [
    'the witness generator took too much memory and was ended',
    'raise `witness.memory_mb`, or do not serve the circuit',
  ],
  witnessCrashed: ['the witness generator stopped by itself', 'do not serve the circuit'],
  proverTimeLimit: ['the prover hung and was killed', 'call it by hand; use fewer slots'],
  proverCrashed: [
    'the program or thread ended early; its last line is logged',
    'usually memory: fewer slots or threads',
  ],
  proverMemoryLimit: [
    'the zkProof was ended because it took more than `circuits.memory_mb`',
    'fewer slots, a higher limit, or a lower `circuits.zkey_max_mb`',
  ],
  diskFailed: ['a file of the job could not be written', 'what the message says: mostly, free some space'],
  filesLost: [
    'the circuit’s files could not be loaded again after a rest; the reason is told',
    'mostly the disk, or a coordinator without them',
  ],
  proverMissing: ['the program could not be started', 'check its path and permissions'],
  proverOutput: ['what the program wrote is no zkProof', 'check the command’s placeholders and the program’s version'],
  zkProofInvalid: [
    'the zkProof does not verify, and was not sent',
    'the program uses another proving key or curve, or the machine errs',
  ],
};

/** Why a job was handed back. */
export const GIVE_UP_CODES: Record<GiveUp['reason'], CodeAdvice> = {
  shutdown: ['the agent was stopped', 'a larger `limits.finish_ms` finishes more; stop when few jobs are held'],
  overloaded: [
    'it could not be done in time any more, or the machine did not get to it',
    'fewer slots, nothing else beside the agent; the promise grows by itself',
  ],
  artifactUnavailable: ['the circuit’s files could not be had', 'see `circuitFailed`'],
  inputUnavailable: [
    'the coordinator did not serve the input, or another one',
    'nothing: this is not held against you',
  ],
  witnessFailed: ['the input has no witness, or its generator failed', 'see the `flaw` of `proofFailed`'],
  provingFailed: ['no attempt gave a valid zkProof in time', 'see the `flaw` of `proofFailed`'],
};

/** Events that say that something is wrong, and carry no code. */
export const EVENT_CODES: Readonly<Record<string, CodeAdvice>> = {
  coordinatorUnreachable: [
    'the coordinator does not answer; tried again for ever',
    'check network and `market.coordinator`',
  ],
  feedLost: ['the feed broke off; taken up again where it ended', 'nothing, if rare'],
  entryUnreadable: ['the log has an entry that this version cannot read', 'update the agent'],
  keyElsewhere: [
    'a bid that counts for this prover is not one that this agent sent: another agent has its key',
    'stop one of the two, or give it a key of its own; else both take the same jobs',
  ],
  replaced: [
    'another agent works with this one’s key, and has taken its place: this one ends, and hands nothing back',
    'run one of the two; see `keyInUse`',
  ],
  clockDiffers: [
    'this clock and the coordinator’s differ',
    'set the clock by NTP; the agent goes by the coordinator’s',
  ],
  challengeFailed: ['the challenge job was not proven in time', 'see `proofFailed`; it is repeated by itself'],
  challengeDelayed: ['the challenge could not be had or delivered yet', 'nothing: tried again'],
  circuitFailed: ['a circuit could not be made ready', 'what `reason` says: network, disk, memory, or the program'],
  metricsFailed: ['the port for metrics cannot be had; the agent runs on', 'choose another `metrics.port`'],
  settingsRefused: [
    'an edit of the settings file cannot be used',
    'put the named line right; old settings count until then',
  ],
  settingsNeedRestart: ['these settings count with the next start', 'restart when few jobs are held'],
  catchUpFailed: ['open rounds could not be read', 'nothing: read again with the next connection'],
  duesRefused: ['held jobs could not be read', 'nothing, if rare; else update the agent'],
  bidFailed: ['a bid got no answer before its round closed', 'nothing, if rare; else the network is slow'],
  bidNotOpened: ['a sealed bid could not be opened: its deposit is lost', 'keep the agent up until rounds are cleared'],
  sealUnproven: [
    'the coordinator shows no checkpoint with all commitments; the bid stays shut until it does',
    'tell the market’s operator; keep the log',
  ],
  receiptUnsigned: ['a receipt lacks the operator’s signature', 'keep it: `understudy check-bids` is for this'],
  receiptNotKept: ['a receipt could not be written', 'free some disk space'],
  heartbeatFailed: ['a heartbeat got no answer; the next follows', 'nothing, if rare; leases last 10 s'],
  inputHashMismatch: ['the input served is not that of the job; fetched again', 'nothing to do'],
  inputUnavailable: ['the input could not be had yet', 'nothing: tried again, then handed back without fault'],
  deliveryDelayed: ['a zkProof got no answer yet; sent again as it is', 'nothing, if rare'],
  deliveryRefused: ['the market does not take a zkProof; `code` says why', 'see the code among those of the market'],
  zkProofInvalid: ['the market found a zkProof invalid', 'turn `proving.self_check` on; check backend and memory'],
  giveUpRefused: ['a job could not be handed back', 'nothing: its lease or end settles it'],
};
