import { z } from 'zod';
import { unixMsSchema } from './units.js';

/** The schema of one type of entry: its name, the coordinator's clock, and what it says besides. */
export const entry = <Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) =>
  z.strictObject({ type: z.literal(type), atMs: unixMsSchema, ...shape });
