/** The routes by which a prover's agent shows that it lives: it says that it is there, and keeps the leases of its jobs. */
import { z } from 'zod';
import { route } from './route.js';
import { bytes32Schema, jobIdSchema, unixMsSchema } from './units.js';
import { progressViewSchema } from './views.js';

/** Longest name of a machine that an agent may give. */
export const AGENT_HOST_LENGTH_MAX = 128;

/**
 * Which of a prover's agents speaks. `agentId` stays with the data folder over restarts, `runId` is drawn at each start;
 * `host` names the machine, for whoever starts a second agent elsewhere.
 */
export const agentSchema = z.strictObject({
  agentId: bytes32Schema,
  runId: bytes32Schema,
  host: z.string().max(AGENT_HOST_LENGTH_MAX),
});
export type AgentSign = z.infer<typeof agentSchema>;

export const AGENT_ROUTES = {
  announceAgent: route({
    method: 'POST',
    path: '/v1/agents',
    summary:
      'Says that an agent starts, also in the place of another (`takeOver`), or stops. One agent at a time works for a prover.',
    auth: 'token',
    body: z.strictObject({ agent: agentSchema, phase: z.enum(['start', 'takeOver', 'stop']) }),
    response: z.strictObject({ leaseMs: z.int(), nowMs: unixMsSchema }),
    rejections: ['notLoggedIn', 'loginExpired', 'unknownProver', 'keyInUse'],
  }),
  beat: route({
    method: 'POST',
    path: '/v1/heartbeats',
    summary:
      'Keeps the leases of all the jobs named, with their progress; the answer names those that have ended. Without jobs it shows that the agent lives.',
    auth: 'token',
    body: z.strictObject({
      jobs: z.array(progressViewSchema.omit({ prover: true, lastSeenMs: true })).max(4_096),
      agent: z.optional(agentSchema),
    }),
    bodyLimit: 1024 * 1024,
    response: z.strictObject({ leaseMs: z.int(), nowMs: unixMsSchema, dropJobIds: z.array(jobIdSchema).max(4_096) }),
    rejections: ['notLoggedIn', 'loginExpired', 'keyInUse'],
  }),
} as const;
