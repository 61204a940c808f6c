import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { AgentLog } from '../log.js';
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

  /** @param passOn - the log that gets every event too */
  constructor(path: string, passOn: AgentLog) {
    this.#path = path;
    this.#passOn = passOn;
    this.#signs = setInterval(() => this.#write(), SIGN_EVERY_MS).unref();
  }

  /** Where the agent stands. */
  get status(): AgentStatus {
    return this.#status;
  }

  /** The log to hand to the agent. */
  readonly log: AgentLog = (event, fields = {}) => {
    this.#passOn(event, fields);
    this.#status = nextStatus(this.#status, { ...textsOf(fields), atMs: Date.now(), event });
    this.#isDue ??= setTimeout(() => this.#write(), NEWS_AFTER_MS).unref();
  };

  /** Writes the last word and ends. */
  close(): void {
    clearInterval(this.#signs);
    this.#write();
  }

  /** A disk that is full costs the status, never the work. */
  #write(): void {
    if (this.#isDue) clearTimeout(this.#isDue);
    this.#isDue = null;
    const fresh = `${this.#path}.${process.pid}.new`;
    const content: StatusFile = { pid: process.pid, writtenMs: Date.now(), status: this.#status };
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      writeFileSync(fresh, `${JSON.stringify(content)}\n`);
      renameSync(fresh, this.#path);
    } catch {
      removeQuietly(fresh);
    }
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // What cannot be written may not be removable either.
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
