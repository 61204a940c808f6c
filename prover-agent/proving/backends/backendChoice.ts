import { createHash } from 'node:crypto';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { z } from 'zod';
import type { CircuitView } from '#protocol/views.js';
import { type CommandTemplate, parseTemplate } from './commandTemplate.js';

/** What stands for all circuits, and for the built-in backend. */
const EVERY_CIRCUIT = '*';
const BUILT_IN = 'snarkjs';

const CHOICES_MAX = 64;

/** Which backend proves a circuit, named by its id, its name, or `*` for all; a template of null is snarkjs. */
export interface BackendChoice {
  circuit: string;
  template: CommandTemplate | null;
}

/** Settings of the form `<circuit>=<command>`, read and checked. */
export const backendChoicesSchema = z
  .array(
    z.string().transform((text, context): BackendChoice => {
      try {
        return parseChoice(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message });
        return z.NEVER;
      }
    }),
  )
  .max(CHOICES_MAX)
  .refine((choices) => new Set(choices.map(({ circuit }) => circuit)).size === choices.length, {
    error: 'names a circuit twice',
  });

function parseChoice(text: string): BackendChoice {
  const found = /^(\*|[^\s=]{1,128})=([\s\S]*)$/.exec(text);
  if (!found)
    throw new Error('must be <circuit>=<command>, such as transferRollup=rapidsnark; * stands for all circuits');
  const [, circuit, command] = found as unknown as [string, string, string];
  return { circuit, template: command.trim() === BUILT_IN ? null : parseTemplate(command) };
}

/** The external prover chosen for a circuit; its id counts before its name, its name before `*`. Null: snarkjs. */
export function chosenFor(
  choices: readonly BackendChoice[],
  { circuitId, name }: Pick<CircuitView, 'circuitId' | 'name'>,
): CommandTemplate | null {
  for (const wanted of [circuitId, name, EVERY_CIRCUIT]) {
    const choice = choices.find(({ circuit }) => circuit === wanted);
    if (choice) return choice.template;
  }
  return null;
}

/**
 * Finds the program of a template as a shell would, so that a misspelled one is told at the start.
 *
 * @returns the template with the program's absolute path, and a hash of template, path and the file's size and date: a
 *   program that was replaced is another backend, to be checked and measured anew
 * @throws Error that names the program
 */
export function findProgram(template: CommandTemplate): { template: CommandTemplate; fingerprint: string } {
  const { program } = template;
  const isPath = /[/\\]/.test(program);
  const places = isPath
    ? [resolve(program)]
    : (process.env.PATH ?? '').split(delimiter).map((dir) => join(dir, program));
  const path = places.find(isExecutable);
  if (!path) {
    const where = isPath ? 'is not there, or may not be executed' : 'is in no folder of PATH';
    throw new Error(`the prover ${program} ${where}`);
  }
  const { size, mtimeMs } = statSync(path);
  const found = { ...template, program: path };
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([found, size, mtimeMs]))
    .digest('hex')
    .slice(0, 16);
  return { template: found, fingerprint };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
