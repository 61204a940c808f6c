import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { AgentLog } from '../log.js';
import { replaceFile } from '../replaceFile.js';
import { type AgentEvent, type AgentStatus, EMPTY_STATUS } from './agentStatus.js';
import { nextStatus } from './statusOf.js';

/** The file is written this long after news, and so often without any, in milliseconds. */
const NEWS_AFTER_MS = 1_000;
const SIGN_EVERY_MS = 10_000;

/** A status that is older than this is of an agent that runs no more, in milliseconds. */
export const STATUS_FRESH_MS = 3 * SIGN_EVERY_MS;

const fileSchema = z.object({ pid: z.int(), writtenMs: z.number(), status: z.looseObject({ phase: z.string() }) });

/** What a running agent leaves in its data folder for `agent status`. */
export interface StatusFile {
  pid: number;
  writtenMs: number;
  status: AgentStatus;
}

/** Folds an agent's events into where it stands, and keeps that in a file for others to read. */
export class StatusKeeper {
  #status: AgentStatus = EMPTY_STATUS;
  readonly #path: string;
  readonly #passOn: AgentLog;
  #isDue: NodeJS.Timeout | null = null;
  readonly #signs: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();

  /** @param passOn - the log that gets every event too */
  constructor(path: string, passOn: AgentLog) {
    this.#path = path;
    this.#passOn = passOn;
    this.#signs = setInterval(() => void this.#write(), SIGN_EVERY_MS).unref();
  }

  /** Where the agent stands. */
  get status(): AgentStatus {
    return this.#status;
  }

  /** The log to hand to the agent. */
  readonly log: AgentLog = (event, fields = {}) => {
    this.#passOn(event, fields);
    this.#status = nextStatus(this.#status, { ...textsOf(fields), atMs: Date.now(), event });
    this.#isDue ??= setTimeout(() => void this.#write(), NEWS_AFTER_MS).unref();
  };

  /** Writes the last word and ends. */
  close(): Promise<void> {
    clearInterval(this.#signs);
    return this.#write();
  }

  /** One after the other, so that the last word stays; not in the way of the agent's own thread. */
  #write(): Promise<void> {
    if (this.#isDue) clearTimeout(this.#isDue);
    this.#isDue = null;
    this.#writing = this.#writing.then(() => this.#writeNow());
    return this.#writing;
  }

  /** A disk that is full costs the status, never the work. */
  #writeNow(): Promise<void> {
    const content: StatusFile = { pid: process.pid, writtenMs: Date.now(), status: this.#status };
    return replaceFile(this.#path, `${JSON.stringify(content)}\n`);
  }
}

/** Reads what an agent has left; null when there is nothing that can be read. */
export function readStatusFile(path: string): StatusFile | null {
  try {
    const parsed = fileSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    if (!parsed.success) return null;
    const { pid, writtenMs, status } = parsed.data;
    return { pid, writtenMs, status: { ...EMPTY_STATUS, ...(status as Partial<AgentStatus>) } };
  } catch {
    return null;
  }
}

/** Fields as a line of the log has them: amounts as decimal text. */
function textsOf(fields: Readonly<Record<string, unknown>>): Omit<AgentEvent, 'atMs' | 'event'> {
  return JSON.parse(JSON.stringify(fields, (_, value) => (typeof value === 'bigint' ? value.toString() : value)));
}
