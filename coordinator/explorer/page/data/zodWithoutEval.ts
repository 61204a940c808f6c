import { z } from 'zod';

// Schemas compile themselves with `new Function` where they may; the page's policy allows no such thing. Must be
// imported before any schema is made.
z.config({ jitless: true });
