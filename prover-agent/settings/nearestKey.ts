/** A misspelling is this far from what was meant, at most: edits for each letter of the key. */
const EDITS_PER_LETTER = 0.4;

/**
 * The known key that somebody may have meant: the same name in another section, or the one with the fewest edits.
 * @returns null when none is near
 */
export function nearestKey(unknown: string, known: readonly string[]): string | null {
  const name = lastOf(unknown);
  const elsewhere = known.find((key) => lastOf(key) === name);
  if (elsewhere) return elsewhere;
  const byDistance = known
    .map((key) => {
      const [whole, last] = [editsBetween(unknown, key), editsBetween(name, lastOf(key)) + 1];
      // Whoever forgets the unit means the name all the same.
      return { key, edits: Math.min(whole, last, editsBetween(name, lastOf(key).replace(/_[a-z]+$/, '')) + 1) };
    })
    .toSorted((a, b) => a.edits - b.edits);
  const nearest = byDistance[0];
  return nearest && nearest.edits <= Math.max(2, name.length * EDITS_PER_LETTER) ? nearest.key : null;
}

const lastOf = (key: string) => key.slice(key.lastIndexOf('.') + 1);

/** How many letters must be put in, taken out or replaced (Levenshtein). */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
