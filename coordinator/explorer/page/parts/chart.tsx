import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clockTime, dateTime } from './time.js';

export interface ChartLine {
  label: string;
  values: (number | null)[];
  /** Told apart by more than colour: a line, a dashed line, or dots. */
  style: 'line' | 'dashed' | 'dots';
  /** A custom property of the style sheet, such as `--blue`. */
  colour: string;
}

/** Room for one time of day, in pixels. */
const TICK_PX = 80;

interface ChartProps {
  title: string;
  /** Unix seconds, rising. */
  times: number[];
  lines: readonly ChartLine[];
  unit: string;
  format: (value: number) => string;
  height?: number;
}

/** How many times the least the largest value may be on an even scale: beyond, all others would lie on the ground. */
const EVEN_MAX = 200;

/** Lines over time, drawn by uPlot, which follows the width of the page and the colour scheme. */
export function Chart({ title, times, lines, unit, format, height = 230 }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const scheme = useScheme();
  const plot = useRef<uPlot | null>(null);
  const isRaised = isWide(lines);
  const shape = `${lines.map(({ label, style }) => `${label} ${style}`).join()} ${isRaised}`;
  useEffect(() => {
    const element = place.current!;
    const made = new uPlot(
      optionsOf(element, { lines, unit, format, height }),
      dataOf(times, lines, isRaised),
      element,
    );
    plot.current = made;
    const watcher = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      made.destroy();
    };
  }, [scheme, shape, unit]);
  useEffect(() => plot.current?.setData(dataOf(times, lines, isRaised)), [times, lines, isRaised]);
  return (
    <>
      <div class="chart" ref={place} role="img" aria-label={title} />
      {isRaised && <p class="quiet">Each step upwards is ten times the one before: the values are far apart.</p>}
    </>
  );
}

/** True when the values are so far apart that only a scale by powers of ten shows them all. */
function isWide(lines: readonly ChartLine[]): boolean {
  const values = lines.flatMap((line) => line.values).filter((value): value is number => value !== null && value > 0);
  return values.length > 0 && Math.max(...values) > EVEN_MAX * Math.min(...values);
}

/** Zero has no place on a scale by powers of ten. */
function dataOf(times: number[], lines: readonly ChartLine[], isRaised: boolean): uPlot.AlignedData {
  return [times, ...lines.map(({ values }) => (isRaised ? values.map((value) => value || null) : values))];
}

function optionsOf(
  element: HTMLElement,
  { lines, unit, format, height }: Pick<ChartProps, 'lines' | 'unit' | 'format'> & { height: number },
): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--quiet'),
    grid: { stroke: colour('--faint'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1 },
    font: `12px ${style.fontFamily}`,
  };
  return {
    width: Math.max(element.clientWidth, 200),
    height,
    cursor: { drag: { x: false, y: false } },
    scales: {
      x: { time: true },
      y: isWide(lines) ? { distr: 3 } : { range: (_plot, _min, max) => [0, max > 0 ? max * 1.08 : 1] },
    },
    axes: [
      {
        ...axis,
        space: TICK_PX,
        values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => timeOf(tick, step)),
      },
      { ...axis, size: 70, values: (_plot, ticks) => ticks.map((tick) => (tick === null ? '' : tickOf(tick, format))) },
    ],
    series: [
      { value: (_plot, time: number | null) => (time === null ? '–' : dateTime(time * 1_000)) },
      ...lines.map((line) => ({
        label: `${line.label} (${unit})`,
        stroke: colour(line.colour),
        width: line.style === 'dots' ? 0 : 1.5,
        points: { show: line.style === 'dots', size: 6, fill: colour(line.colour) },
        ...(line.style === 'dashed' && { dash: [6, 4] }),
        value: (_plot: uPlot, value: number | null) => (value === null ? '–' : format(value)),
      })),
    ],
  };
}

/** A tick of the upright axis: a number that has no room there is written with a power of ten. */
function tickOf(value: number, format: (value: number) => string): string {
  const text = format(value);
  return text.length <= 9 ? text : value.toExponential(0);
}

/** A tick of the axis of time, as exact as the step to the next one. @param time - Unix seconds */
function timeOf(time: number, stepSec: number): string {
  if (stepSec >= 86_400) return dateTime(time * 1_000).slice(5, 10);
  return stepSec >= 60 ? clockTime(time * 1_000).slice(0, 5) : clockTime(time * 1_000);
}

/** Changes with the colour scheme, so that what is drawn by hand is drawn again. */
function useScheme(): boolean {
  const [isDark, setIsDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const follow = () => setIsDark(query.matches);
    query.addEventListener('change', follow);
    return () => query.removeEventListener('change', follow);
  }, []);
  return isDark;
}
