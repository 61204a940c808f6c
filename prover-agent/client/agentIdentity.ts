import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { AGENT_HOST_LENGTH_MAX, type AgentSign } from '#protocol/agentRoutes.js';
import { bytes32Schema } from '#protocol/units.js';
import { randomBytes32 } from './account.js';

/**
 * What this agent calls itself before the coordinator, so that no second one works with its key: an id that stays with the
 * data folder, so that a restart is known as one, an id of this run, and the name of the machine. An id that cannot be kept is
 * drawn anew by the next start, which then may have to wait for a lease.
 */
export function openAgentIdentity(path: string): AgentSign {
  return { agentId: openId(path), runId: randomBytes32(), host: hostname().slice(0, AGENT_HOST_LENGTH_MAX) };
}

function openId(path: string): AgentSign['agentId'] {
  const kept = readId(path);
  if (kept) return kept;
  const fresh = randomBytes32();
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${fresh}\n`, { mode: 0o600 });
  } catch {
    // An agent that earns is worth more than a quick restart.
  }
  return fresh;
}

function readId(path: string): AgentSign['agentId'] | null {
  try {
    const parsed = bytes32Schema.safeParse(readFileSync(path, 'utf8').trim());
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
