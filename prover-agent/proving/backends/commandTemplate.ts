/** What a template may name: files that the program reads and writes, and how many threads it should take. */
const PLACEHOLDERS = ['zkey', 'witness', 'zkProof', 'publicSignals', 'threads'] as const;
type Placeholder = (typeof PLACEHOLDERS)[number];

/** The arguments of a program that is named alone: rapidsnark's contract. */
const CONTRACT = ['{zkey}', '{witness}', '{zkProof}', '{publicSignals}'];

const TEMPLATE_MAX = 4_096;

/** An external prover: its program and its arguments, with placeholders. */
export interface CommandTemplate {
  program: string;
  args: readonly string[];
}

/**
 * Reads a template such as `rapidsnark` or `nice -n 5 prover --key {zkey} --out "{zkProof}" {witness}`. Words are
 * separated by blanks; quotes keep blanks; there is no shell.
 *
 * @throws Error that says what is wrong
 */
export function parseTemplate(text: string): CommandTemplate {
  if (text.length > TEMPLATE_MAX) throw new Error(`a command may have ${TEMPLATE_MAX} characters`);
  const [program, ...args] = wordsOf(text);
  if (!program) throw new Error('the command is empty; name a program, such as rapidsnark');
  const named = args.flatMap((arg) => [...arg.matchAll(/\{(\w*)\}/g)].map(([, name]) => name!));
  const unknown = named.find((name) => !PLACEHOLDERS.includes(name as Placeholder));
  if (unknown !== undefined) {
    throw new Error(`{${unknown}} is no placeholder; there are ${PLACEHOLDERS.map((name) => `{${name}}`).join(', ')}`);
  }
  if (named.every((name) => name === 'threads')) return { program, args: [...args, ...CONTRACT] };
  for (const name of ['witness', 'zkProof']) {
    if (!named.includes(name)) throw new Error(`the command names other files, but not {${name}}`);
  }
  return { program, args };
}

/** The arguments of one run. */
export function fillIn(template: CommandTemplate, values: Readonly<Record<Placeholder, string>>): string[] {
  return template.args.map((arg) => arg.replace(/\{(\w+)\}/g, (_, name: Placeholder) => values[name]));
}

function wordsOf(text: string): string[] {
  const words: string[] = [];
  const pattern = /\s*((?:[^\s"']+|"[^"]*"|'[^']*')+)/gy;
  let end = 0;
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    words.push(
      found[1]!.replace(/"([^"]*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? ''),
    );
    end = pattern.lastIndex;
  }
  if (text.slice(end).trim() !== '') throw new Error('a quote is not closed');
  return words;
}
