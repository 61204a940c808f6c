import { z } from 'zod';
import { setting, wholeNumber } from './setting.js';

/** Numbers for a monitoring system: `[metrics]`. */
export const METRICS_SETTINGS = {
  metricsPort: setting(
    {
      key: 'metrics.port',
      flag: '--metrics-port <n>',
      says: 'Serve Prometheus metrics at `/metrics` on this port.',
      range: '1 to 65535',
      defaultText: 'none are served',
      example: '9464',
    },
    wholeNumber(1, 65_535).nullable().default(null),
  ),
  metricsHost: setting(
    {
      key: 'metrics.host',
      says: 'The address to serve metrics on. They show what you earn: beyond this machine, put something in front that asks who calls.',
      range: 'an address of this machine',
    },
    z.string({ error: 'must be an address' }).min(1).max(256).default('127.0.0.1'),
  ),
};
