/** What `understudy agent doctor` looks at, in its order. */
export const CHECK_NAMES = [
  'key',
  'keyInUse',
  'connection',
  'clock',
  'registration',
  'score',
  'money',
  'circuits',
  'artifacts',
  'disk',
  'memory',
  'backends',
] as const;
export type CheckName = (typeof CHECK_NAMES)[number];

/** One line of the doctor's: what was found, and what to do when it is not well. */
export interface Check {
  name: CheckName;
  ok: boolean;
  detail: string;
  /** Null when there is nothing to do. */
  advice: string | null;
}

/** Something is as it should be. */
export function well(name: CheckName, detail: string): Check {
  return { name, ok: true, detail, advice: null };
}

/** Something is not as it should be, and what to do about it. */
export function unwell(name: CheckName, detail: string, advice: string): Check {
  return { name, ok: false, detail, advice };
}
