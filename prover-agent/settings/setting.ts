import { z } from 'zod';

/** What is known of a setting beside its schema. All that is said of settings anywhere is made from this. */
export interface SettingMeta {
  /** Its place in the settings file: section and name, such as `price.job_wei`. */
  key: string;
  /** What it does, with its unit, as a sentence or two. */
  says: string;
  /** Its flag in commander's spelling, such as `--threads <n>`; `--no-x` switches off. Without one: only in the file. */
  flag?: string;
  /** What is allowed, when the schema's own bounds do not say it. */
  range?: string;
  /** What stands for the default when that is no plain value. */
  defaultText?: string;
  /** A value to copy, as it is written in the file; for a table its lines. */
  example?: string;
  /** True when a change in the file counts at once, without a restart. */
  isLive?: boolean;
  /** True for files and folders: in the file they count from the file's own folder, and `~/` is the home folder. */
  isPath?: boolean;
}

const registry = z.registry<SettingMeta>();

/** Makes a field of the agent's schema a setting. The schema must be this field's own, not one shared with another. */
export function setting<Schema extends z.ZodType>(meta: SettingMeta, schema: Schema): Schema {
  registry.add(schema, meta);
  return schema;
}

/** A setting as the file, the flags and the documents know it. */
export interface SettingField extends SettingMeta {
  /** Its name in the program's settings. */
  field: string;
  schema: z.ZodType;
}

/** The settings of a schema, in its order. Throws for a field that nobody has described. */
export function settingsOf(shape: Record<string, z.ZodType>): SettingField[] {
  return Object.entries(shape).map(([field, schema]) => {
    const meta = registry.get(schema);
    if (!meta) throw new Error(`the setting ${field} has no description`);
    return { ...meta, field, schema };
  });
}

/** A whole number within bounds, in whatever unit the setting's name says. */
export function wholeNumber(min: number, max: number): z.ZodInt {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** A number within bounds, fractions included. */
export function number(min: number, max: number): z.ZodNumber {
  const error = `must be a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

/** Yes or no. */
export function yesNo(): z.ZodBoolean {
  return z.boolean({ error: 'must be true or false' });
}

const WEI_ERROR = 'must be an amount in wei: a whole number of at most 60 digits, such as 1500000';

/** An amount in wei: a whole number, or its digits as text where the file's numbers end. */
export function weiAmount() {
  return z
    .union([z.string(), z.int({ error: WEI_ERROR }).min(0, { error: WEI_ERROR }), z.bigint()], { error: WEI_ERROR })
    .transform(String)
    .pipe(
      z
        .string()
        .regex(/^(0|[1-9][0-9]{0,59})$/, WEI_ERROR)
        .transform(BigInt),
    );
}

/** The path of a file or folder. */
export function filePath() {
  const error = 'must be a path of 1 to 4096 characters';
  return z.string({ error }).min(1, { error }).max(4_096, { error });
}

/** The schema under its defaults and nullables, and the default; undefined when the setting must be given. */
export function unwrap(schema: z.ZodType): { inner: z.ZodType; defaultValue: unknown } {
  let inner = schema;
  let defaultValue: unknown;
  for (;;) {
    if (inner instanceof z.ZodDefault) defaultValue ??= inner.def.defaultValue;
    else if (!(inner instanceof z.ZodNullable || inner instanceof z.ZodOptional || inner instanceof z.ZodReadonly)) {
      return { inner, defaultValue };
    }
    inner = inner.def.innerType as z.ZodType;
  }
}

/** What a setting may be, for people. */
export function rangeOf({ schema, range }: Pick<SettingField, 'schema' | 'range'>): string {
  if (range) return range;
  const { inner } = unwrap(schema);
  if (inner instanceof z.ZodNumber) return `${inner.minValue} to ${inner.maxValue}`;
  if (inner instanceof z.ZodBoolean) return '`true`, `false`';
  if (inner instanceof z.ZodEnum) return inner.options.map((option) => `\`${option}\``).join(', ');
  if (inner instanceof z.ZodPipe) return '0 or more, in wei';
  return 'text';
}
