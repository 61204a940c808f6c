import type { BenchResult, CircuitMeasured } from './benchFile.js';
import { recommend, type WayMeasured } from './benchPlan.js';

const HEADER = [
  'threads',
  'at once',
  'witness',
  'proving',
  'zkProof',
  'promise (p95)',
  'zkProofs a minute',
  'peak memory',
  'plan',
];

/** The hardware and circuit table in Markdown. */
export function benchMarkdown(result: BenchResult): string {
  const parts = result.circuits.map((circuit) => {
    const rows = rowsOf(circuit, result).map((cells) => `| ${cells.join(' | ')} |`);
    const head = [`| ${HEADER.join(' | ')} |`, `|${HEADER.map(() => '---').join('|')}|`];
    const table = [...head, ...rows].join('\n');
    return `**${titleOf(circuit)}**\n\n${table}\n\n${adviceOf(circuit, result).join('\n')}`;
  });
  return [machineLine(result), ...parts].join('\n\n');
}

/** The same for a terminal. */
export function benchText(result: BenchResult): string {
  const parts = result.circuits.map((circuit) => {
    const rows = [HEADER, ...rowsOf(circuit, result)];
    const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
    const lines = rows.map((row) =>
      row
        .map((cell, column) => cell.padStart(widths[column]!))
        .join('  ')
        .trimEnd(),
    );
    const failures = circuit.failures.map(
      (one) => `${one.threads} threads, ${one.slots} at once failed: ${one.reason}`,
    );
    return [titleOf(circuit), ...lines, ...failures, ...adviceOf(circuit, result)].join('\n');
  });
  return [machineLine(result), ...parts].join('\n\n');
}

function machineLine({ machine, measuredAtMs }: BenchResult): string {
  const { cpu, cores, memoryMb, node, note } = machine;
  const day = new Date(measuredAtMs).toISOString().slice(0, 10);
  const gib = (memoryMb / 1_024).toFixed(1);
  return `${cpu}, ${cores} cores, ${gib} GiB, Node ${node}, ${day}${note ? `; ${note}` : ''}.`;
}

function titleOf({ name, protocol, zkeyBytes, backend }: CircuitMeasured): string {
  return `${name} (${protocol}, proving key ${(zkeyBytes / 1_048_576).toFixed(1)} MiB, by ${backend})`;
}

function rowsOf(circuit: CircuitMeasured, { machine }: BenchResult): string[][] {
  const { latency, throughput } = recommend(circuit.ways, machine.memoryMb);
  return circuit.ways.map((way) => {
    const plans = [way === latency ? 'latency' : '', way === throughput ? 'throughput' : ''].filter(Boolean);
    return [
      String(way.threads),
      String(way.slots),
      seconds(way.witnessMs),
      seconds(way.provingMs),
      seconds(way.typicalMs),
      seconds(way.promisedMs),
      way.perMinute.toFixed(1),
      `${Math.round(way.peakMb)} MiB`,
      plans.join(', '),
    ];
  });
}

/** What the recommended plans are, as settings. */
function adviceOf({ ways }: CircuitMeasured, { machine }: BenchResult): string[] {
  const { latency, throughput } = recommend(ways, machine.memoryMb);
  if (!latency || !throughput) return ['Nothing was measured that fits into this machine’s memory.'];
  const ratio = (throughput.perMinute / latency.perMinute).toFixed(2);
  return [
    `Latency plan: ${planOf(latency)} (a zkProof in ${seconds(latency.typicalMs)}).`,
    `Throughput plan: ${planOf(throughput)} (${throughput.perMinute.toFixed(1)} zkProofs a minute, ` +
      `${ratio} times those of the latency plan).`,
  ];
}

function planOf({ threads, slots }: WayMeasured): string {
  return `threads = ${threads}, slots = ${slots}`;
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}
